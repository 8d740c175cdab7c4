// SPDX-License-Identifier: Apache-2.0

/// What of JSON this build does not know, where that is left out instead of being refused: what is
/// written for a younger Envoy.
public struct ProtobufJSONUnknowns: Hashable, Sendable {
  /// What fields, and values of enums, are not known, as sentences without their path.
  public fileprivate(set) var names: [String] = []
  /// The types of `Any`s that are not known, by their URLs; such an `Any` is left without bytes.
  public fileprivate(set) var types: [String] = []

  /// None.
  public init() {}
}

/// Gathers unknown things while a message is read.
final class UnknownCollector {
  private(set) var found = ProtobufJSONUnknowns()

  func note(_ error: ProtobufJSONError) { found.names.append(error.description) }

  func note(type: String) { found.types.append(type) }
}
