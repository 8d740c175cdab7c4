// SPDX-License-Identifier: Apache-2.0

import CProtobufC

// Numbers, truth values and texts, and the messages of google/protobuf/wrappers.proto that give them
// presence.

extension MessageType {
  /// A message of google.protobuf, which every build has.
  static func wellKnown(_ name: String) -> MessageType {
    guard let type = MessageType(named: "google.protobuf." + name) else {
      preconditionFailure("google.protobuf.\(name) is not among the generated messages")
    }
    return type
  }
}

/// A number that protobuf-c stores as it is.
public protocol ProtobufNumber: ProtobufValue, BitwiseCopyable {
  /// The message of google/protobuf/wrappers.proto that gives it presence.
  static var wrapper: MessageType { get }
}

extension ProtobufNumber {
  /// Reads the number.
  public static func load(_ place: UnsafeRawPointer, _ arena: Arena) -> Self {
    place.loadUnaligned(as: Self.self)
  }
  /// Writes the number.
  public static func store(_ value: Self, _ place: UnsafeMutableRawPointer, _ arena: Arena) {
    place.storeBytes(of: value, as: Self.self)
  }
  /// Its size.
  public static var stride: Int { MemoryLayout<Self>.stride }
  /// The number of a wrapper.
  public static func unbox(_ slot: MessageSlot) -> Self { slot.scalar(0) }
  /// A wrapper of the number.
  public static func box(_ value: Self, _ arena: Arena) -> MessageSlot {
    let slot = arena.make(wrapper)
    slot.set(scalar: 0, value)
    return slot
  }
}

extension Int32: ProtobufNumber {
  /// google.protobuf.Int32Value.
  public static let wrapper = MessageType.wellKnown("Int32Value")
}

extension UInt32: ProtobufNumber {
  /// google.protobuf.UInt32Value.
  public static let wrapper = MessageType.wellKnown("UInt32Value")
}

extension Int64: ProtobufNumber {
  /// google.protobuf.Int64Value.
  public static let wrapper = MessageType.wellKnown("Int64Value")
}

extension UInt64: ProtobufNumber {
  /// google.protobuf.UInt64Value.
  public static let wrapper = MessageType.wellKnown("UInt64Value")
}

extension Double: ProtobufNumber {
  /// google.protobuf.DoubleValue.
  public static let wrapper = MessageType.wellKnown("DoubleValue")
}

extension Float: ProtobufNumber {
  /// google.protobuf.FloatValue.
  public static let wrapper = MessageType.wellKnown("FloatValue")
}

extension Bool: ProtobufValue {
  private static let wrapper = MessageType.wellKnown("BoolValue")

  /// Reads a C int.
  public static func load(_ place: UnsafeRawPointer, _ arena: Arena) -> Bool {
    place.load(as: Int32.self) != 0
  }
  /// Writes a C int.
  public static func store(_ value: Bool, _ place: UnsafeMutableRawPointer, _ arena: Arena) {
    place.storeBytes(of: value ? 1 : 0, as: Int32.self)
  }
  /// A C int's size.
  public static var stride: Int { 4 }
  /// The value of a wrapper.
  public static func unbox(_ slot: MessageSlot) -> Bool { slot.scalar(0) }
  /// A wrapper of the value.
  public static func box(_ value: Bool, _ arena: Arena) -> MessageSlot {
    let slot = arena.make(wrapper)
    slot.set(scalar: 0, value)
    return slot
  }
}

extension String: ProtobufValue {
  private static let wrapper = MessageType.wellKnown("StringValue")

  /// Reads a C string.
  public static func load(_ place: UnsafeRawPointer, _ arena: Arena) -> String {
    place.load(as: UnsafePointer<CChar>?.self).map { String(cString: $0) } ?? ""
  }
  /// Writes a copy in the arena.
  public static func store(_ value: String, _ place: UnsafeMutableRawPointer, _ arena: Arena) {
    place.storeBytes(of: arena.copy(value), as: UnsafeMutablePointer<CChar>.self)
  }
  /// A pointer's size.
  public static var stride: Int { 8 }
  /// The text of a wrapper.
  public static func unbox(_ slot: MessageSlot) -> String { slot.scalar(0) }
  /// A wrapper of the text.
  public static func box(_ value: String, _ arena: Arena) -> MessageSlot {
    let slot = arena.make(wrapper)
    slot.set(scalar: 0, value)
    return slot
  }
}

extension [UInt8]: ProtobufValue {
  private static let wrapper = MessageType.wellKnown("BytesValue")

  /// Reads a length and a pointer.
  public static func load(_ place: UnsafeRawPointer, _ arena: Arena) -> [UInt8] {
    let data = place.load(as: ProtobufCBinaryData.self)
    return Array(UnsafeBufferPointer(start: data.data, count: data.len))
  }
  /// Writes a copy in the arena.
  public static func store(_ value: [UInt8], _ place: UnsafeMutableRawPointer, _ arena: Arena) {
    let copy = arena.allocate(value.count)
    copy.copyMemory(from: value, byteCount: value.count)
    let bytes = copy.assumingMemoryBound(to: UInt8.self)
    place.storeBytes(
      of: ProtobufCBinaryData(len: value.count, data: bytes), as: ProtobufCBinaryData.self)
  }
  /// The size of a length and a pointer.
  public static var stride: Int { MemoryLayout<ProtobufCBinaryData>.stride }
  /// The bytes of a wrapper.
  public static func unbox(_ slot: MessageSlot) -> [UInt8] { slot.scalar(0) }
  /// A wrapper of the bytes.
  public static func box(_ value: [UInt8], _ arena: Arena) -> MessageSlot {
    let slot = arena.make(wrapper)
    slot.set(scalar: 0, value)
    return slot
  }
}
