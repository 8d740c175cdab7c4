// SPDX-License-Identifier: Apache-2.0

/// What a field of the face can hold: a number, a text, an enum, a message, or a Swift value that
/// stands for a message (a duration, a wrapper's number, a JSON object).
public protocol ProtobufValue {
  /// Reads the storage of a field that is no message.
  static func load(_ place: UnsafeRawPointer, _ arena: Arena) -> Self
  /// Writes the storage of a field that is no message.
  static func store(_ value: Self, _ place: UnsafeMutableRawPointer, _ arena: Arena)
  /// The bytes that one element takes in a repeated field that holds no messages.
  static var stride: Int { get }
  /// Reads the message that stands for the value.
  static func unbox(_ slot: MessageSlot) -> Self
  /// A message that stands for the value.
  static func box(_ value: Self, _ arena: Arena) -> MessageSlot
}

/// A value that is always stored as a message.
public protocol ProtobufPointee: ProtobufValue {}

extension ProtobufPointee {
  /// Reads a pointer to the message.
  public static func load(_ place: UnsafeRawPointer, _ arena: Arena) -> Self {
    unbox(MessageSlot(base: place.load(as: UnsafeMutableRawPointer.self), arena: arena))
  }
  /// Writes a pointer to the message.
  public static func store(_ value: Self, _ place: UnsafeMutableRawPointer, _ arena: Arena) {
    place.storeBytes(of: box(value, arena).base, as: UnsafeMutableRawPointer.self)
  }
  /// A pointer's size.
  public static var stride: Int { 8 }
}

extension ProtobufMessage {
  /// Reads a pointer to the message.
  public static func load(_ place: UnsafeRawPointer, _ arena: Arena) -> Self {
    unbox(MessageSlot(base: place.load(as: UnsafeMutableRawPointer.self), arena: arena))
  }
  /// Writes a pointer to the message.
  public static func store(_ value: Self, _ place: UnsafeMutableRawPointer, _ arena: Arena) {
    place.storeBytes(of: box(value, arena).base, as: UnsafeMutableRawPointer.self)
  }
  /// A pointer's size.
  public static var stride: Int { 8 }
  /// The handle to a message.
  public static func unbox(_ slot: MessageSlot) -> Self { Self(slot: slot) }
  /// The message itself, which has to live in the same arena.
  public static func box(_ value: Self, _ arena: Arena) -> MessageSlot {
    precondition(value.slot.arena === arena, "a message of another arena cannot be a field")
    return value.slot
  }
}

/// An enum of the face; a number that it does not know reads as the first of its cases.
public protocol ProtobufEnum: ProtobufValue, RawRepresentable, CaseIterable, Hashable, Sendable
where RawValue == Int32 {}

extension ProtobufEnum {
  /// Reads the number.
  public static func load(_ place: UnsafeRawPointer, _ arena: Arena) -> Self {
    if let known = Self(rawValue: place.load(as: Int32.self)) { return known }
    return allCases[allCases.startIndex]
  }
  /// Writes the number.
  public static func store(_ value: Self, _ place: UnsafeMutableRawPointer, _ arena: Arena) {
    place.storeBytes(of: value.rawValue, as: Int32.self)
  }
  /// A C enum's size.
  public static var stride: Int { 4 }
  /// No message stands for an enum.
  public static func unbox(_ slot: MessageSlot) -> Self { allCases[allCases.startIndex] }
  /// No message stands for an enum.
  public static func box(_ value: Self, _ arena: Arena) -> MessageSlot {
    preconditionFailure("no message stands for an enum")
  }
}
