// SPDX-License-Identifier: Apache-2.0

/// Writes protobuf's wire format directly, for the few messages that are framed by hand.
public struct WireWriter {
  /// What was written.
  public private(set) var bytes: [UInt8] = []

  /// An empty writer.
  public init() {}

  /// A base-128 varint.
  public mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  /// The tag and length of a length-delimited field whose content follows.
  public mutating func header(field: Int, length: Int) {
    varint(UInt64(field) << 3 | 2)
    varint(UInt64(length))
  }

  /// A string field; empty strings are written too.
  public mutating func string(field: Int, _ value: String) {
    header(field: field, length: value.utf8.count)
    bytes.append(contentsOf: value.utf8)
  }

  /// A length-delimited field of `content`.
  public mutating func field(_ field: Int, _ content: [UInt8]) {
    header(field: field, length: content.count)
    bytes.append(contentsOf: content)
  }

  /// A varint field.
  public mutating func integer(field: Int, _ value: UInt64) {
    varint(UInt64(field) << 3)
    varint(value)
  }
}
