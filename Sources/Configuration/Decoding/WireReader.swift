// SPDX-License-Identifier: Apache-2.0

public import JSON

/// Bytes that are no message of protobuf, in one sentence without a full stop.
public struct WireFormatError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The sentence.
  public let description: String

  /// An error of one sentence.
  public init(_ description: String) { self.description = description }
}

/// A value that stands in a field of protobuf's wire format.
public protocol WireValue {
  /// The value at the reader, which has read the field's number.
  static func read(_ reader: inout WireReader) throws(WireFormatError) -> Self
}

/// A message of Kubernetes' API as a Swift value; its conformances are generated from
/// `proto/kubernetes`.
public protocol WireMessage: WireValue {
  /// The message with no field set.
  init()
  /// Reads the field `number`; false where it is not one that is read here.
  mutating func readField(
    _ number: Int, _ reader: inout WireReader
  ) throws(WireFormatError) -> Bool
}

/// Reads protobuf's wire format from bytes that are lent: a field after another, what is not wanted
/// passed over without a look.
///
/// Every length is checked, texts have to be UTF-8, and nothing nests deeper than its types do.
public struct WireReader {
  /// How a field's value is written; its number stands in a tag.
  private enum Form: UInt64 {
    case varint = 0
    case eightBytes = 1
    case counted = 2
    case fourBytes = 5
  }

  private let bytes: UnsafeRawBufferPointer
  private var position = 0
  private var form = Form.varint

  /// A reader at the start of a message.
  public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The number of the next field; nil at the end of the message.
  public mutating func nextField() throws(WireFormatError) -> Int? {
    guard position < bytes.count else { return nil }
    let tag = try varint()
    guard let form = Form(rawValue: tag & 7), tag >> 3 > 0, tag >> 3 < 1 << 29 else {
      throw WireFormatError("byte \(position) is no field")
    }
    self.form = form
    return Int(tag >> 3)
  }

  /// Passes over the value of a field.
  public mutating func skip() throws(WireFormatError) {
    switch form {
    case .varint: _ = try varint()
    case .eightBytes: try advance(8)
    case .fourBytes: try advance(4)
    case .counted: _ = try counted()
    }
  }

  /// The bytes of a text, of bytes, or of a message, as long as the reader's own are lent.
  public mutating func counted() throws(WireFormatError) -> UnsafeRawBufferPointer {
    guard form == .counted else { throw WireFormatError("byte \(position) has no length") }
    let count = try varint()
    guard count <= UInt64(bytes.count - position) else {
      throw WireFormatError("byte \(position) has a length beyond the end")
    }
    let start = position
    position += Int(count)
    return UnsafeRawBufferPointer(rebasing: bytes[start..<position])
  }

  /// A number that is written with as many bytes as it needs.
  fileprivate mutating func number() throws(WireFormatError) -> UInt64 {
    guard form == .varint else { throw WireFormatError("byte \(position) is no whole number") }
    return try varint()
  }

  private mutating func varint() throws(WireFormatError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < bytes.count, shift < 64 {
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw WireFormatError("byte \(position) is within a number that does not end")
  }

  private mutating func advance(_ count: Int) throws(WireFormatError) {
    guard count <= bytes.count - position else {
      throw WireFormatError("byte \(position) is within a number that does not end")
    }
    position += count
  }
}

// What generated code reads fields with.
extension WireReader {
  /// Reads a field that is always there.
  public mutating func one<T: WireValue>(_ field: inout T) throws(WireFormatError) {
    field = try T.read(&self)
  }

  /// Reads a field that may be absent.
  public mutating func optional<T: WireValue>(_ field: inout T?) throws(WireFormatError) {
    field = try T.read(&self)
  }

  /// Reads one more element of a list.
  public mutating func list<T: WireValue>(_ field: inout [T]) throws(WireFormatError) {
    field.append(try T.read(&self))
  }

  /// Reads one more entry of a map.
  public mutating func map<T: WireValue & ProtoValue>(
    _ field: inout [String: T]
  ) throws(WireFormatError) {
    var entry = WireReader(try counted())
    var (key, value) = ("", T.protoDefault)
    while let number = try entry.nextField() {
      switch number {
      case 1: try entry.one(&key)
      case 2: try entry.one(&value)
      default: try entry.skip()
      }
    }
    field[key] = value
  }

  /// Reads Kubernetes' `Time` as the text that JSON has; empty where it has none.
  public mutating func time(_ field: inout String) throws(WireFormatError) {
    var time = WireReader(try counted())
    var seconds: Int64?
    while let number = try time.nextField() {
      if number == 1 { try time.optional(&seconds) } else { try time.skip() }
    }
    field = seconds.map(Timestamp.text) ?? ""
  }

  /// Reads Kubernetes' `IntOrString` as the number or the text that JSON has.
  public mutating func numberOrText(_ field: inout JSONValue?) throws(WireFormatError) {
    var choice = WireReader(try counted())
    var (kind, whole, text) = (Int64(0), Int32(0), "")
    while let number = try choice.nextField() {
      switch number {
      case 1: try choice.one(&kind)
      case 2: try choice.one(&whole)
      case 3: try choice.one(&text)
      default: try choice.skip()
      }
    }
    field = kind == 0 ? .integer(Int64(whole)) : .string(text)
  }
}

extension WireMessage {
  /// The message that `bytes` are.
  public init(wire bytes: UnsafeRawBufferPointer) throws(WireFormatError) {
    self.init()
    var reader = WireReader(bytes)
    while let number = try reader.nextField() {
      if try !readField(number, &reader) { try reader.skip() }
    }
  }

  /// The message at the reader.
  public static func read(_ reader: inout WireReader) throws(WireFormatError) -> Self {
    try Self(wire: try reader.counted())
  }
}

extension String: WireValue {
  /// A text.
  public static func read(_ reader: inout WireReader) throws(WireFormatError) -> String {
    guard let text = String(validating: try reader.counted(), as: UTF8.self) else {
      throw WireFormatError("a text is not UTF-8")
    }
    return text
  }
}

extension Bool: WireValue {
  /// A truth value.
  public static func read(_ reader: inout WireReader) throws(WireFormatError) -> Bool {
    try reader.number() != 0
  }
}

extension Int32: WireValue {
  /// A whole number.
  public static func read(_ reader: inout WireReader) throws(WireFormatError) -> Int32 {
    Int32(truncatingIfNeeded: try reader.number())
  }
}

extension Int64: WireValue {
  /// A whole number.
  public static func read(_ reader: inout WireReader) throws(WireFormatError) -> Int64 {
    Int64(bitPattern: try reader.number())
  }
}

extension ProtoBytes: WireValue {
  /// Bytes.
  public static func read(_ reader: inout WireReader) throws(WireFormatError) -> ProtoBytes {
    ProtoBytes(Array(try reader.counted()))
  }
}

extension SecretBytes: WireValue {
  /// Bytes.
  public static func read(_ reader: inout WireReader) throws(WireFormatError) -> SecretBytes {
    SecretBytes(Array(try reader.counted()))
  }
}
