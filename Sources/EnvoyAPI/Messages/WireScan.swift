// SPDX-License-Identifier: Apache-2.0

import CProtobufC

/// Bounds for messages that come from the network.
public struct WireLimits: Sendable {
  /// The most bytes of a message.
  public var bytes: Int
  /// The most levels of messages in messages.
  public var depth: Int

  /// Limits of `bytes` and `depth`.
  public init(bytes: Int, depth: Int) {
    self.bytes = bytes
    self.depth = depth
  }

  /// 16 MiB and 64 levels.
  public static let standard = WireLimits(bytes: 16 << 20, depth: 64)
}

/// Why bytes are not the message that they were said to be.
public struct WireError: Error, Hashable, CustomStringConvertible {
  /// The message's full name.
  public var type: String
  /// What is wrong, to be read after the name.
  public var reason: String

  /// One sentence.
  public var description: String { "\(type): \(reason)" }
}

/// Looks through wire bytes before protobuf-c unpacks them: it would cut a string at a NUL, take any
/// bytes for UTF-8, and follow messages in messages without end.
struct WireScan {
  private let bytes: UnsafeRawBufferPointer
  private let descriptor: UnsafePointer<ProtobufCMessageDescriptor>
  private let levels: Int
  private var position = 0

  static func check(
    _ bytes: UnsafeRawBufferPointer, as type: MessageType, limits: WireLimits
  ) throws(WireError) {
    guard bytes.count <= limits.bytes else {
      throw WireError(type: type.name, reason: "has more than \(limits.bytes) bytes")
    }
    var scan = WireScan(bytes, type.descriptor, levels: limits.depth)
    try scan.run()
  }

  private init(
    _ bytes: UnsafeRawBufferPointer, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>,
    levels: Int
  ) {
    self.bytes = bytes
    self.descriptor = descriptor
    self.levels = levels
  }

  private func fail(_ reason: String) -> WireError {
    WireError(type: String(cString: descriptor.pointee.name), reason: reason)
  }

  private mutating func run() throws(WireError) {
    guard levels > 0 else { throw fail("is nested too deeply") }
    while position < bytes.count {
      let tag = try varint()
      let number = tag >> 3
      guard number > 0, number < 1 << 29 else { throw fail("has a field of number \(number)") }
      switch tag & 7 {
      case 0: _ = try varint()
      case 1: try skip(8)
      case 2: try delimited(number: UInt32(number))
      case 5: try skip(4)
      default: throw fail("has the wire type \(tag & 7), which protobuf does not have")
      }
    }
  }

  private mutating func varint() throws(WireError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 70, by: 7) {
      guard position < bytes.count else { throw fail("ends inside a number") }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7f) << UInt64(min(shift, 63))
      if byte < 0x80 { return value }
    }
    throw fail("has a number of more than ten bytes")
  }

  private mutating func skip(_ count: Int) throws(WireError) {
    guard count <= bytes.count - position else { throw fail("ends inside a field") }
    position += count
  }

  private mutating func delimited(number: UInt32) throws(WireError) {
    let length = try varint()
    guard length <= UInt64(bytes.count - position) else { throw fail("ends inside a field") }
    let start = position
    position += Int(length)
    let content = UnsafeRawBufferPointer(rebasing: bytes[start..<position])
    guard let field = protobuf_c_message_descriptor_get_field(descriptor, number) else { return }
    switch field.pointee.type {
    case PROTOBUF_C_TYPE_STRING: try checkText(content, field)
    case PROTOBUF_C_TYPE_MESSAGE:
      let nested = field.pointee.descriptor.assumingMemoryBound(
        to: ProtobufCMessageDescriptor.self)
      var scan = WireScan(content, nested, levels: levels - 1)
      try scan.run()
    default: break
    }
  }

  private func checkText(
    _ content: UnsafeRawBufferPointer, _ field: UnsafePointer<ProtobufCFieldDescriptor>
  ) throws(WireError) {
    if content.contains(0) {
      throw fail("has a NUL in the field \(String(cString: field.pointee.name))")
    }
    if String(validating: content, as: UTF8.self) == nil {
      throw fail("has invalid UTF-8 in the field \(String(cString: field.pointee.name))")
    }
  }
}
