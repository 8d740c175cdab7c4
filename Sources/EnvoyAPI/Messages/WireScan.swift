// SPDX-License-Identifier: Apache-2.0

import CProtobufC

/// Bounds for messages that come from the network.
public struct WireLimits: Sendable {
  /// The most bytes of a message.
  public var bytes: Int
  /// The most levels of messages in messages.
  public var depth: Int
  /// The most bytes of memory that the unpacked message may take, by an estimate from above: two
  /// bytes on the wire can be a message of hundreds in memory.
  public var memory: Int

  /// Limits of `bytes`, `depth` and `memory`.
  public init(bytes: Int, depth: Int, memory: Int = 256 << 20) {
    self.bytes = bytes
    self.depth = depth
    self.memory = memory
  }

  /// 16 MiB, 256 MiB of memory, and 100 levels, which is where Envoy's own parser ends.
  public static let standard = WireLimits(bytes: 16 << 20, depth: 100)
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
/// bytes for UTF-8, follow messages in messages without end, and merge what comes again and again at
/// a cost that grows with the square.
struct WireScan {
  /// What protobuf-c notes of one field while it unpacks, with the alignment of what it keeps.
  private static let costOfField = 64
  /// The most bytes of memory that one byte of a packed list becomes.
  private static let costOfPackedByte = 8
  /// How often message fields that are no lists may come again, all in all, in one message.
  private static let mostMerges = 8

  private let bytes: UnsafeRawBufferPointer
  private let descriptor: UnsafePointer<ProtobufCMessageDescriptor>
  private let levels: Int
  private var memory: Int
  private var position = 0
  /// The message fields that came, by the bits of their places; those beyond 64 have one bit.
  private var seen: UInt64 = 0
  private var merges = 0

  static func check(
    _ bytes: UnsafeRawBufferPointer, as type: MessageType, limits: WireLimits
  ) throws(WireError) {
    guard bytes.count <= limits.bytes else {
      throw WireError(type: type.name, reason: "has more than \(limits.bytes) bytes")
    }
    var scan = WireScan(bytes, type.descriptor, levels: limits.depth, memory: limits.memory)
    try scan.run()
  }

  private init(
    _ bytes: UnsafeRawBufferPointer, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>,
    levels: Int, memory: Int
  ) {
    self.bytes = bytes
    self.descriptor = descriptor
    self.levels = levels
    self.memory = memory
  }

  private func fail(_ reason: String) -> WireError {
    WireError(type: String(cString: descriptor.pointee.name), reason: reason)
  }

  private mutating func run() throws(WireError) {
    guard levels > 0 else { throw fail("is nested too deeply") }
    try spend(descriptor.pointee.sizeof_message)
    while position < bytes.count {
      try spend(Self.costOfField)
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

  private mutating func spend(_ count: Int) throws(WireError) {
    memory -= count
    if memory < 0 { throw fail("would take too much memory") }
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
    case PROTOBUF_C_TYPE_BYTES: break
    case PROTOBUF_C_TYPE_MESSAGE: try checkMessage(content, field)
    default: try spend(content.count * Self.costOfPackedByte)
    }
  }

  private mutating func checkMessage(
    _ content: UnsafeRawBufferPointer, _ field: FieldDescriptor
  ) throws(WireError) {
    if !field.isRepeated { try countMerge(of: field) }
    guard let nested = field.message else { return }
    var scan = WireScan(content, nested, levels: levels - 1, memory: memory)
    try scan.run()
    memory = scan.memory
  }

  private mutating func countMerge(of field: FieldDescriptor) throws(WireError) {
    let place = UInt64(1) << UInt64(min(63, field - UnsafePointer(descriptor.pointee.fields)))
    if seen & place != 0 { merges += 1 }
    seen |= place
    if merges > Self.mostMerges { throw fail("repeats the field \(field.name), which is no list") }
  }

  private func checkText(
    _ content: UnsafeRawBufferPointer, _ field: FieldDescriptor
  ) throws(WireError) {
    if content.contains(0) {
      throw fail("has a NUL in the field \(field.name)")
    }
    if String(validating: content, as: UTF8.self) == nil {
      throw fail("has invalid UTF-8 in the field \(field.name)")
    }
  }
}
