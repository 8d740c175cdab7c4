// SPDX-License-Identifier: Apache-2.0

public import JSON

/// A value that has a form in protobuf's JSON.
public protocol ProtoValue: Hashable, Sendable {
  /// The value of a field that is not written.
  static var protoDefault: Self { get }
  /// The value that `json` means, at the decoder's path.
  static func decode(_ json: JSONValue, _ decoder: inout ProtoDecoder) throws(ConfigError) -> Self
  /// The value in protobuf's JSON.
  var json: JSONValue { get }
}

/// A message of Istio's API as a Swift value; its conformances are generated from `proto/istio`.
public protocol ProtoMessage: ProtoValue {
  /// The message with no field set.
  init()
  /// Reads the field `name` (its JSON or its proto name); false where there is no such field.
  mutating func decodeField(
    _ name: String, _ value: JSONValue, _ decoder: inout ProtoDecoder
  ) throws(ConfigError) -> Bool
  /// Writes every field that is set.
  func encodeFields(_ encoder: inout ProtoEncoder)
}

/// An enumeration of Istio's API; its first case is the value of a field that is not written.
public protocol ProtoEnum: ProtoValue, CaseIterable, RawRepresentable where RawValue == Int32 {
  /// The names in the API, in the order of `allCases`.
  static var protoNames: [String] { get }
}

extension ProtoMessage {
  /// The message that `value` means; a field that the API does not know is an error.
  ///
  /// Reads what istiod reads: camelCase and snake_case names, `null` as absent, Go's durations.
  public init(decoding value: JSONValue, at path: FieldPath = FieldPath()) throws(ConfigError) {
    var decoder = ProtoDecoder(at: path)
    self = try Self.decode(value, &decoder)
  }

  /// The message that `change` makes of an empty one.
  public static func with(_ change: (inout Self) -> Void) -> Self {
    var message = Self()
    change(&message)
    return message
  }

  /// The empty message.
  public static var protoDefault: Self { Self() }

  /// The message that `json` means, at the decoder's path.
  public static func decode(
    _ json: JSONValue, _ decoder: inout ProtoDecoder
  ) throws(ConfigError) -> Self {
    var message = Self()
    try decoder.overlay(json, on: &message)
    return message
  }

  /// The message in protobuf's JSON: camelCase names, defaults left out.
  public var json: JSONValue {
    var encoder = ProtoEncoder()
    encodeFields(&encoder)
    return .object(encoder.object)
  }
}

extension ProtoEnum {
  /// The case with the API's name `protoName`.
  public init?(protoName: String) {
    guard let index = Self.protoNames.firstIndex(of: protoName) else { return nil }
    self = Self.allCases[Self.allCases.index(Self.allCases.startIndex, offsetBy: index)]
  }

  /// The name of the case in the API.
  public var protoName: String {
    for (name, value) in zip(Self.protoNames, Self.allCases) where value == self { return name }
    return String(rawValue)
  }

  /// The case of number 0.
  public static var protoDefault: Self {
    guard let zero = Self(rawValue: 0) else { preconditionFailure("\(Self.self) has no zero") }
    return zero
  }

  /// The case that `json` names or numbers.
  public static func decode(
    _ json: JSONValue, _ decoder: inout ProtoDecoder
  ) throws(ConfigError) -> Self {
    switch json {
    case .string(let name):
      if let value = Self(protoName: name) { return value }
    case .integer(let number):
      if let raw = Int32(exactly: number), let value = Self(rawValue: raw) { return value }
    default: break
    }
    throw decoder.mismatch("one of \(Self.protoNames.joined(separator: ", "))", json)
  }

  /// The name of the case.
  public var json: JSONValue { .string(protoName) }
}
