// SPDX-License-Identifier: Apache-2.0

public import JSON

// Swift values that stand for messages of google.protobuf.

extension Duration: ProtobufPointee {
  private static let message = MessageType.wellKnown("Duration")
  private static let attosecondsInNanosecond: Int64 = 1_000_000_000

  /// Reads seconds and nanoseconds.
  public static func unbox(_ slot: MessageSlot) -> Duration {
    let seconds: Int64 = slot.scalar(0)
    let nanoseconds: Int32 = slot.scalar(1)
    return .seconds(seconds) + .nanoseconds(Int64(nanoseconds))
  }
  /// Seconds and nanoseconds of one sign.
  public static func box(_ value: Duration, _ arena: Arena) -> MessageSlot {
    let slot = arena.make(message)
    slot.set(scalar: 0, value.components.seconds)
    slot.set(scalar: 1, Int32(value.components.attoseconds / attosecondsInNanosecond))
    return slot
  }
}

/// A message of google.protobuf.Empty: that it is set is all that it says.
public struct ProtobufEmpty: ProtobufPointee, Hashable, Sendable {
  private static let message = MessageType.wellKnown("Empty")

  /// The empty message.
  public init() {}

  /// Nothing is read.
  public static func unbox(_ slot: MessageSlot) -> ProtobufEmpty { ProtobufEmpty() }
  /// An empty message.
  public static func box(_ value: ProtobufEmpty, _ arena: Arena) -> MessageSlot {
    arena.make(message)
  }
}

extension JSONObject: ProtobufPointee {
  private static let message = MessageType.wellKnown("Struct")

  /// The members of a google.protobuf.Struct.
  public static func unbox(_ slot: MessageSlot) -> JSONObject {
    let fields: ProtobufMap<JSONValue> = slot.map(0)
    return JSONObject(distinct: fields.elements.map { JSONObject.Member($0.key, $0.value) })
  }
  /// A google.protobuf.Struct, its fields sorted by key.
  public static func box(_ value: JSONObject, _ arena: Arena) -> MessageSlot {
    let slot = arena.make(message)
    var fields: ProtobufMap<JSONValue> = slot.map(0)
    for member in value.members { fields[member.key] = member.value }
    return slot
  }
}

extension JSONValue: ProtobufPointee {
  private static let message = MessageType.wellKnown("Value")
  private static let list = MessageType.wellKnown("ListValue")

  // The places of google.protobuf.Value's members.
  private enum Kind {
    static let null = 0
    static let number = 1
    static let string = 2
    static let bool = 3
    static let object = 4
    static let array = 5
  }

  /// The value of a google.protobuf.Value.
  public static func unbox(_ slot: MessageSlot) -> JSONValue {
    if let number: Double = slot.member(Kind.number) {
      return Int64(exactly: number).map { .integer($0) } ?? .double(number)
    }
    if let string: String = slot.member(Kind.string) { return .string(string) }
    if let bool: Bool = slot.member(Kind.bool) { return .bool(bool) }
    if let object: JSONObject = slot.member(Kind.object) { return .object(object) }
    if let values: JSONList = slot.member(Kind.array) { return .array(values.elements) }
    return .null
  }

  /// A google.protobuf.Value.
  public static func box(_ value: JSONValue, _ arena: Arena) -> MessageSlot {
    let slot = arena.make(message)
    switch value {
    case .null: slot.set(member: Kind.null, Int32(0))
    case .bool(let bool): slot.set(member: Kind.bool, bool)
    case .integer(let number): slot.set(member: Kind.number, Double(number))
    case .double(let number): slot.set(member: Kind.number, number)
    case .string(let string): slot.set(member: Kind.string, string)
    case .object(let object): slot.set(member: Kind.object, object)
    case .array(let elements): slot.set(member: Kind.array, JSONList(elements: elements))
    }
    return slot
  }

  /// A google.protobuf.ListValue.
  private struct JSONList: ProtobufPointee {
    var elements: [JSONValue]

    static func unbox(_ slot: MessageSlot) -> JSONList {
      let values: ProtobufList<JSONValue> = slot.list(0)
      return JSONList(elements: Array(values))
    }
    static func box(_ value: JSONList, _ arena: Arena) -> MessageSlot {
      let slot = arena.make(list)
      slot.set(list: 0, ProtobufList(value.elements))
      return slot
    }
  }
}

/// A message of any type with its type's URL: google.protobuf.Any.
public struct ProtobufAny: ProtobufPointee, Hashable, Sendable {
  private static let message = MessageType.wellKnown("Any")

  /// The URL that names the type.
  public var typeURL: String
  /// The packed message.
  public var value: [UInt8]

  /// A packed message of the type that a URL names.
  public init(typeURL: String, value: [UInt8]) {
    self.typeURL = typeURL
    self.value = value
  }

  /// Packs a message.
  public static func pack(_ message: some ProtobufMessage) -> ProtobufAny {
    ProtobufAny(typeURL: type(of: message).type.typeURL, value: message.packed)
  }

  /// The message, if the URL names its type and the bytes are sound.
  public func unpack<M: ProtobufMessage>(_ type: M.Type, in arena: Arena) -> M? {
    guard typeURL == M.type.typeURL else { return nil }
    return value.withUnsafeBytes { try? M(unpacking: $0, in: arena) }
  }

  /// Reads URL and bytes.
  public static func unbox(_ slot: MessageSlot) -> ProtobufAny {
    ProtobufAny(typeURL: slot.scalar(0), value: slot.scalar(1))
  }
  /// A google.protobuf.Any.
  public static func box(_ value: ProtobufAny, _ arena: Arena) -> MessageSlot {
    let slot = arena.make(message)
    slot.set(scalar: 0, value.typeURL)
    slot.set(scalar: 1, value.value)
    return slot
  }
}
