// SPDX-License-Identifier: Apache-2.0

/// Walks the fields of a packed protobuf message without unpacking it.
///
/// The generator stands beside the server on the same cores: what it spends on reading is missing
/// there, so it looks only at what a proxy would act on.
struct WireReader: Sequence, IteratorProtocol {
  /// A field as it stands on the wire.
  struct Field {
    /// The field's number.
    var number: Int
    /// A varint's value; 0 for other kinds.
    var value: UInt64 = 0
    /// The bytes of a text, message or the like; empty for other kinds.
    var bytes = UnsafeRawBufferPointer(start: nil, count: 0)

    /// The bytes as text.
    var text: String { String(decoding: bytes, as: UTF8.self) }
  }

  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The next field; nil at the end, and where the rest is no message.
  mutating func next() -> Field? {
    guard position < bytes.count, let key = varint() else { return nil }
    var field = Field(number: Int(key >> 3))
    switch key & 7 {
    case 0:
      guard let value = varint() else { return nil }
      field.value = value
    case 1: position += 8
    case 2:
      guard let count = varint(), count <= UInt64(bytes.count - position) else { return nil }
      field.bytes = UnsafeRawBufferPointer(rebasing: bytes[position..<position + Int(count)])
      position += Int(count)
    case 5: position += 4
    default: return nil
    }
    return field
  }

  /// The bytes of the first field of a number.
  static func first(_ number: Int, in bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    WireReader(bytes).first { $0.number == number }?.bytes
  }

  private mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < bytes.count, shift < 64 {
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    return nil
  }
}

/// Packs the few messages that a proxy sends.
struct WireWriter {
  private(set) var bytes: [UInt8] = []

  /// Adds a text, unless it is empty.
  mutating func add(_ number: Int, _ text: String) {
    if !text.isEmpty { add(number, bytes: Array(text.utf8)) }
  }

  /// Adds a message.
  mutating func add(_ number: Int, bytes part: [UInt8]) {
    varint(UInt64(number << 3 | 2))
    varint(UInt64(part.count))
    bytes += part
  }

  /// Adds a message that `fill` writes.
  mutating func add(_ number: Int, _ fill: (inout WireWriter) -> Void) {
    var inner = WireWriter()
    fill(&inner)
    add(number, bytes: inner.bytes)
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
