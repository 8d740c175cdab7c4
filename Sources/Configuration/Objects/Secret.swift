// SPDX-License-Identifier: Apache-2.0

public import JSON

/// Bytes that must not be printed; their description says only how many they are.
public struct SecretBytes: ProtoValue, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  /// The bytes.
  public var bytes: [UInt8]

  /// These `bytes`.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// No bytes.
  public static var protoDefault: SecretBytes { SecretBytes([]) }
  /// A text in base64; the error does not repeat it.
  public static func decode(
    _ json: JSONValue, _ decoder: inout ProtoDecoder
  ) throws(ConfigError) -> SecretBytes {
    guard case .string(let text) = json, let bytes = Base64.decode(text) else {
      throw decoder.error("expected a text in base64")
    }
    return SecretBytes(bytes)
  }
  /// What debug pages show instead of the bytes.
  public var json: JSONValue { .string(description) }
  /// How many bytes they are.
  public var description: String { "(\(bytes.count) secret bytes)" }
  /// How many bytes they are.
  public var debugDescription: String { description }
  /// Nothing but the description.
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension Kubernetes {
  /// A `Secret`; `stringData` has been taken over into ``data``, as the API server does.
  public struct Secret: Hashable, Sendable, ProtoMessage, CustomStringConvertible {
    /// What it is for, such as `kubernetes.io/tls`.
    public var type = ""
    /// The values.
    public var data: [String: SecretBytes] = [:]
    private var written: [String: SecretText] = [:]

    /// An empty secret.
    public init() {}

    /// Its type and keys, never a value.
    public var description: String { "Secret(\(type): \(data.keys.sorted()))" }

    /// Reads one member; others are passed over.
    public mutating func decodeField(
      _ name: String, _ value: JSONValue, _ decoder: inout ProtoDecoder
    ) throws(ConfigError) -> Bool {
      switch name {
      case "type": try decoder.one(value, &type)
      case "data":
        try decoder.map(value, &data)
        data.merge(written.mapValues(\.bytes)) { $1 }
      case "stringData":
        try decoder.map(value, &written)
        data.merge(written.mapValues(\.bytes)) { $1 }
      default: break
      }
      return true
    }

    /// Writes the type and the keys, never a value.
    public func encodeFields(_ encoder: inout ProtoEncoder) {
      encoder.one("type", type)
      encoder.map("data", data)
    }
  }
}

extension Kubernetes.Secret: WireMessage {
  /// Reads one field, by its number in Kubernetes' `Secret`.
  public mutating func readField(
    _ number: Int, _ reader: inout WireReader
  ) throws(WireFormatError) -> Bool {
    switch number {
    case 2: try reader.map(&data)
    case 3: try reader.one(&type)
    default: return false
    }
    return true
  }
}

/// A text that becomes secret bytes, and that no error repeats.
private struct SecretText: ProtoValue {
  var bytes: SecretBytes

  static var protoDefault: SecretText { SecretText(bytes: SecretBytes([])) }
  static func decode(
    _ json: JSONValue, _ decoder: inout ProtoDecoder
  ) throws(ConfigError) -> SecretText {
    guard case .string(let text) = json else { throw decoder.error("expected a text") }
    return SecretText(bytes: SecretBytes(Array(text.utf8)))
  }
  var json: JSONValue { bytes.json }
}
