// SPDX-License-Identifier: Apache-2.0

/// How a server is told from an impostor, and what is shown to it.
public struct HTTPClientTLS: Hashable, Sendable {
  /// The authorities to trust, in PEM; nil for those of the system.
  public var authorities: [UInt8]?
  /// The client's certificate chain in PEM; nil for none.
  public var certificate: [UInt8]?
  /// The key of ``certificate`` in PEM.
  public var key: [UInt8]?
  /// Whether the server's certificate is checked at all.
  public var verifies = true

  /// The system's authorities, and no certificate.
  public init() {}
}

/// One request.
public struct HTTPClientRequest: Sendable {
  /// The method.
  public var method = "GET"
  /// Where to: `http` or `https`.
  public var url: String
  /// Header fields.
  public var headers: [(name: String, value: String)] = []
  /// The body; nil for none.
  public var body: [UInt8]?
  /// What TLS needs.
  public var tls = HTTPClientTLS()
  /// `host:port` to connect to instead of the one of ``url``, which still names the server.
  public var connectTo: String?
  /// A proxy's URL; nil for what the environment says, empty for none.
  public var proxy: String?
  /// Whether no connection is made to link-local addresses, nor to where clouds tell machines their
  /// secrets, whatever name leads there.
  public var avoidsMachineServices = false
  /// How long connecting may take.
  public var connectTimeout = Duration.seconds(10)
  /// How long the body may stay away, in whole seconds; nil for ever.
  public var idleTimeout: Duration?
  /// How long all may take, from the beginning to the end of the body; nil for ever.
  public var timeout: Duration?

  /// A `GET` of `url`.
  public init(url: String) { self.url = url }
}

/// The first part of a response.
public struct HTTPResponseHead: Sendable {
  /// The status.
  public var status: Int
  /// The fields, names in lower case, in their order.
  public var headers: [(name: String, value: String)]

  /// The first value of a field, named in lower case.
  public subscript(name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// Why there is no response, or no more of one.
public struct HTTPClientError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What happened, as far as callers care.
  public enum Kind: Hashable, Sendable {
    /// No connection was made.
    case unreachable
    /// The server's certificate or the client's is no good, or TLS failed otherwise.
    case tls
    /// It took too long.
    case timeout
    /// The connection was lost before the end of the response.
    case interrupted
    /// The caller does not want it any more, or the client is gone.
    case cancelled
    /// The request cannot be made.
    case invalid
  }

  /// What happened.
  public var kind: Kind
  /// One sentence without a full stop.
  public var description: String
}
