// SPDX-License-Identifier: Apache-2.0

public import JSON

extension Bool: ProtoValue {
  /// False.
  public static var protoDefault: Bool { false }
  /// A truth value.
  public static func decode(
    _ json: JSONValue, _ decoder: inout ProtoDecoder
  ) throws(ConfigError) -> Bool {
    guard case .bool(let value) = json else { throw decoder.mismatch("true or false", json) }
    return value
  }
  /// A truth value.
  public var json: JSONValue { .bool(self) }
}

extension String: ProtoValue {
  /// The empty text.
  public static var protoDefault: String { "" }
  /// A text.
  public static func decode(
    _ json: JSONValue, _ decoder: inout ProtoDecoder
  ) throws(ConfigError) -> String {
    guard case .string(let value) = json else { throw decoder.mismatch("a text", json) }
    return value
  }
  /// A text.
  public var json: JSONValue { .string(self) }
}

/// An integer that protobuf's JSON writes as a number or, of 64 bits, as a text.
public protocol ProtoInteger: ProtoValue, FixedWidthInteger {}

extension ProtoInteger {
  /// Zero.
  public static var protoDefault: Self { 0 }
  /// A whole number in range, or a text of one.
  public static func decode(
    _ json: JSONValue, _ decoder: inout ProtoDecoder
  ) throws(ConfigError) -> Self {
    let value: Self? =
      switch json {
      case .integer(let number): Self(exactly: number)
      case .double(let number): Self(exactly: number)
      case .string(let text): Self(text)
      default: nil
      }
    guard let value else {
      throw decoder.mismatch("a whole number from \(Self.min) to \(Self.max)", json)
    }
    return value
  }
  /// A number; a text where it has 64 bits.
  public var json: JSONValue {
    Self.bitWidth > 32 ? .string(String(self)) : .integer(Int64(self))
  }
}

extension Int32: ProtoInteger {}
extension UInt32: ProtoInteger {}
extension Int64: ProtoInteger {}
extension UInt64: ProtoInteger {}

/// A key of a map: a text or a whole number.
public protocol ProtoMapKey: Hashable, Comparable, LosslessStringConvertible {}

extension String: ProtoMapKey {}
extension UInt32: ProtoMapKey {}

extension Double: ProtoValue {
  /// Zero.
  public static var protoDefault: Double { 0 }
  /// A number, or a text of one: `NaN`, `Infinity` and `-Infinity` too.
  public static func decode(
    _ json: JSONValue, _ decoder: inout ProtoDecoder
  ) throws(ConfigError) -> Double {
    switch json {
    case .integer(let number): return Double(number)
    case .double(let number): return number
    case .string("NaN"): return .nan
    case .string("Infinity"): return .infinity
    case .string("-Infinity"): return -.infinity
    case .string(let text):
      if let number = Double(text), number.isFinite { return number }
    default: break
    }
    throw decoder.mismatch("a number", json)
  }
  /// A number, or the name of one that JSON cannot write.
  public var json: JSONValue {
    if isNaN { return "NaN" }
    if isInfinite { return self > 0 ? "Infinity" : "-Infinity" }
    return .double(self)
  }
}

extension Float: ProtoValue {
  /// Zero.
  public static var protoDefault: Float { 0 }
  /// A number, or a text of one.
  public static func decode(
    _ json: JSONValue, _ decoder: inout ProtoDecoder
  ) throws(ConfigError) -> Float {
    Float(try Double.decode(json, &decoder))
  }
  /// A number.
  public var json: JSONValue { Double(self).json }
}

extension JSONValue: ProtoValue {
  /// `null`.
  public static var protoDefault: JSONValue { .null }
  /// Anything.
  public static func decode(
    _ json: JSONValue, _ decoder: inout ProtoDecoder
  ) throws(ConfigError) -> JSONValue { json }
  /// Itself.
  public var json: JSONValue { self }
}

/// A list of bytes, in base64 in protobuf's JSON.
public struct ProtoBytes: ProtoValue {
  /// The bytes.
  public var bytes: [UInt8]

  /// These `bytes`.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// No bytes.
  public static var protoDefault: ProtoBytes { ProtoBytes([]) }
  /// A text in base64, standard or of URLs, with or without padding.
  public static func decode(
    _ json: JSONValue, _ decoder: inout ProtoDecoder
  ) throws(ConfigError) -> ProtoBytes {
    guard case .string(let text) = json, let bytes = Base64.decode(text) else {
      throw decoder.mismatch("a text in base64", json)
    }
    return ProtoBytes(bytes)
  }
  /// A text in standard base64.
  public var json: JSONValue { .string(Base64.encode(bytes)) }
}
