// SPDX-License-Identifier: Apache-2.0

/// Why a server could not be set up.
public enum HTTPServerError: Error, Equatable, CustomStringConvertible {
  /// A text that is not `host:port`.
  case invalidAddress(String)
  /// An address that cannot be bound.
  case cannotListen(address: String, reason: String)
  /// The system refused a resource.
  case noResources(String)
  /// A certificate or key that cannot be used.
  case badCredentials(String)

  /// One sentence for the operator.
  public var description: String {
    switch self {
    case .invalidAddress(let text): "The address \"\(text)\" is not of the form host:port."
    case .cannotListen(let address, let reason): "Cannot listen on \(address): \(reason)."
    case .noResources(let what): "The system has no \(what) left for an HTTP server."
    case .badCredentials(let reason): "The certificate or its key cannot be used: \(reason)."
    }
  }
}
