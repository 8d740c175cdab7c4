// SPDX-License-Identifier: Apache-2.0

import CProtobufC
import JSON

// The messages of google.protobuf.
extension ProtobufJSONReader {
  /// A new message of one of the well-known types.
  func make(
    _ known: WellKnownMessage, _ descriptor: MessageDescriptor, _ json: JSONValue, levels: Int
  ) throws(ProtobufJSONError) -> MessageSlot {
    switch known {
    case .any: return try makeAny(descriptor, json, levels: levels)
    case .duration:
      return try makeTime(
        descriptor, json, ProtobufTime.duration, expected: "a duration such as 1.5s")
    case .timestamp:
      return try makeTime(
        descriptor, json, ProtobufTime.timestamp, expected: "a time such as 2026-01-01T00:00:00Z")
    case .object:
      guard let object = json.object else {
        throw ProtobufJSONError(expected: "an object", found: json)
      }
      try checkTexts(json, levels: levels)
      return JSONObject.box(object, arena)
    case .value:
      try checkTexts(json, levels: levels)
      return JSONValue.box(json, arena)
    case .list: return try makeList(descriptor, json, levels: levels)
    default:
      let wrapper = arena.make(descriptor)
      let field = wrapper.field(0)
      try storeScalar(json, at: wrapper.storage(field), of: field)
      return wrapper
    }
  }

  private func makeTime(
    _ descriptor: MessageDescriptor, _ json: JSONValue,
    _ parse: (String) -> (seconds: Int64, nanos: Int32)?, expected: String
  ) throws(ProtobufJSONError) -> MessageSlot {
    guard let value = json.string.flatMap(parse) else {
      throw ProtobufJSONError(expected: expected, found: json)
    }
    let message = arena.make(descriptor)
    message.set(scalar: 0, value.seconds)
    message.set(scalar: 1, value.nanos)
    return message
  }

  private func makeList(
    _ descriptor: MessageDescriptor, _ json: JSONValue, levels: Int
  ) throws(ProtobufJSONError) -> MessageSlot {
    guard let elements = json.array else {
      throw ProtobufJSONError(expected: "a list", found: json)
    }
    try checkTexts(json, levels: levels)
    let message = arena.make(descriptor)
    message.set(list: 0, ProtobufList(elements))
    return message
  }

  /// The messages around an element: ListValue, Value.
  private static var levelsOfList: Int { 2 }
  /// The messages around a member: Struct, its entry, Value.
  private static var levelsOfObject: Int { 3 }

  /// Looks for texts and depths that a `Value` cannot hold.
  private func checkTexts(_ json: JSONValue, levels: Int) throws(ProtobufJSONError) {
    guard levels > 0 else { throw ProtobufJSONError(reason: "is nested too deeply") }
    switch json {
    case .string(let text): try checkText(text)
    case .array(let elements):
      for (position, element) in elements.enumerated() {
        try within(.index(position)) { () throws(ProtobufJSONError) in
          try checkTexts(element, levels: levels - Self.levelsOfList)
        }
      }
    case .object(let object):
      for member in object.members {
        try within(.key(member.key)) { () throws(ProtobufJSONError) in
          try checkText(member.key)
          try checkTexts(member.value, levels: levels - Self.levelsOfObject)
        }
      }
    default: break
    }
  }
}

// MARK: - Any

extension ProtobufJSONReader {
  private func makeAny(
    _ descriptor: MessageDescriptor, _ json: JSONValue, levels: Int
  ) throws(ProtobufJSONError) -> MessageSlot {
    guard let object = json.object else {
      throw ProtobufJSONError(expected: "an object with @type", found: json)
    }
    let any = arena.make(descriptor)
    guard !object.isEmpty else { return any }
    guard let url = object["@type"]?.string else {
      throw ProtobufJSONError(reason: "has no @type that says which message it is")
    }
    try checkText(url)
    any.set(scalar: 0, url)
    let members = object.members.filter { $0.key != "@type" }
    guard let type = MessageType(typeURL: url) else {
      if let unknown {
        unknown.note(type: url)
        return any
      }
      any.set(scalar: 1, try rawBytes(members, url))
      return any
    }
    pack(try makeMessage(type, members, levels: levels), into: any)
    return any
  }

  private func makeMessage(
    _ type: MessageType, _ members: [JSONObject.Member], levels: Int
  ) throws(ProtobufJSONError) -> MessageSlot {
    let message = arena.make(type)
    guard WellKnownMessage(message.descriptor) != nil else {
      guard levels > 1 else { throw ProtobufJSONError(reason: "is nested too deeply") }
      try read(members, into: message, levels: levels - 1)
      return message
    }
    let value = try onlyValue(of: members, type.typeURL) ?? .null
    try within("value") { () throws(ProtobufJSONError) in
      try read(value, into: message, levels: levels - 1)
    }
    return message
  }

  /// The bytes of a message whose type is not known.
  private func rawBytes(
    _ members: [JSONObject.Member], _ url: String
  ) throws(ProtobufJSONError) -> [UInt8] {
    guard let value = try onlyValue(of: members, url) else { return [] }
    return try within("value") { () throws(ProtobufJSONError) in try bytes(value) }
  }

  /// The member `value`, which is the only one that an `Any` of such a type may have.
  private func onlyValue(
    of members: [JSONObject.Member], _ url: String
  ) throws(ProtobufJSONError) -> JSONValue? {
    if let other = members.first(where: { $0.key != "value" }) {
      let known = MessageType(typeURL: url) != nil
      let reason = known ? "may have only value" : "is not a type that is known here"
      throw ProtobufJSONError(reason: "\(url) \(reason)").inside(.key(other.key))
    }
    return members.first?.value
  }

  private func pack(_ message: MessageSlot, into any: MessageSlot) {
    let count = message.packedSize
    let memory = arena.allocate(count)
    message.pack(into: memory)
    any.storage(any.field(1)).storeBytes(
      of: ProtobufCBinaryData(len: count, data: memory.assumingMemoryBound(to: UInt8.self)),
      as: ProtobufCBinaryData.self)
  }
}
