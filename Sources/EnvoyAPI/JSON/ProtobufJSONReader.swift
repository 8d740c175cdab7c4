// SPDX-License-Identifier: Apache-2.0

import CProtobufC
public import JSON

extension MessageSlot {
  /// Sets the fields that `json` has members for, by either spelling of their names.
  ///
  /// A message, list or map that is named is replaced, not merged; `null` leaves a field as it is.
  ///
  /// - Parameters:
  ///   - json: The message by the rules of proto3's JSON mapping.
  ///   - path: Where `json` stands in its document, for errors.
  /// - Throws: ``ProtobufJSONError`` for what is no such message; fields before it may be set then.
  public func read(
    _ json: JSONValue, at path: FieldPath = []
  ) throws(ProtobufJSONError) {
    try read(json, at: path, by: ProtobufJSONReader(arena: arena))
  }

  /// Does the same, but leaves out what this build does not know: fields, values of enums, and the
  /// content of an `Any` whose type is unknown; returns what that was.
  public func readKnown(
    _ json: JSONValue, at path: FieldPath = []
  ) throws(ProtobufJSONError) -> ProtobufJSONUnknowns {
    let unknown = UnknownCollector()
    try read(json, at: path, by: ProtobufJSONReader(arena: arena, unknown: unknown))
    return unknown.found
  }

  private func read(
    _ json: JSONValue, at path: FieldPath, by reader: ProtobufJSONReader
  ) throws(ProtobufJSONError) {
    do {
      try reader.read(json, into: self, levels: ProtobufJSON.levels)
    } catch {
      throw ProtobufJSONError(
        path: FieldPath(path.elements + error.path.elements), reason: error.reason)
    }
  }
}

extension ProtobufMessage {
  /// A new message of `json`, which is written by the rules of proto3's JSON mapping.
  ///
  /// - Throws: ``ProtobufJSONError`` for what is no such message; its path starts at `path`.
  public init(
    json: JSONValue, in arena: Arena, at path: FieldPath = []
  ) throws(ProtobufJSONError) {
    self.init(arena)
    try slot.read(json, at: path)
  }
}

/// Reads messages from JSON by their descriptors.
struct ProtobufJSONReader {
  let arena: Arena
  /// Takes what is not known; nil where that is refused.
  var unknown: UnknownCollector?

  func read(
    _ json: JSONValue, into slot: MessageSlot, levels: Int
  ) throws(ProtobufJSONError) {
    guard levels > 0 else { throw ProtobufJSONError(reason: "is nested too deeply") }
    if let known = WellKnownMessage(slot.descriptor) {
      let message = try make(known, slot.descriptor, json, levels: levels)
      slot.base.copyMemory(
        from: message.base, byteCount: slot.descriptor.pointee.sizeof_message)
      return
    }
    guard let object = json.object else {
      throw ProtobufJSONError(expected: "an object", found: json)
    }
    try read(object.members, into: slot, levels: levels)
  }

  func read(
    _ members: [JSONObject.Member], into slot: MessageSlot, levels: Int
  ) throws(ProtobufJSONError) {
    var seen: [FieldDescriptor] = []
    for member in members {
      try within(.key(member.key)) { () throws(ProtobufJSONError) in
        guard let field = try find(member.key, in: slot) else { return }
        guard member.value != .null || hasNull(field) else { return }
        try check(field, against: seen)
        seen.append(field)
        try set(field, in: slot, to: member.value, levels: levels)
      }
    }
  }

  /// The field of a name; nil where there is none and that is let through.
  private func find(_ name: String, in slot: MessageSlot) throws(ProtobufJSONError)
    -> FieldDescriptor?
  {
    let exact = protobuf_c_message_descriptor_get_field_by_name(slot.descriptor, name)
    guard let field = exact ?? slot.fields.first(where: { $0.camelName == name }) else {
      let type = String(cString: slot.descriptor.pointee.name)
      let error = ProtobufJSONError(reason: "is not a field of \(type)")
      guard let unknown else { throw error }
      unknown.note(ProtobufJSONError(reason: "\"\(name)\" \(error.reason)"))
      return nil
    }
    return field
  }

  /// Whether `null` is a value of the field's type.
  private func hasNull(_ field: FieldDescriptor) -> Bool {
    guard !field.isRepeated else { return false }
    if let message = field.message { return WellKnownMessage(message) == .value }
    return field.enumeration.map { String(cString: $0.pointee.name) } == "google.protobuf.NullValue"
  }

  private func check(
    _ field: FieldDescriptor, against seen: [FieldDescriptor]
  ) throws(ProtobufJSONError) {
    if seen.contains(field) { throw ProtobufJSONError(reason: "is set twice, in both spellings") }
    let sibling = seen.first {
      $0.isMember && field.isMember
        && $0.pointee.quantifier_offset == field.pointee.quantifier_offset
    }
    guard let sibling else { return }
    throw ProtobufJSONError(reason: "excludes \(sibling.name), which is set too")
  }

  private func set(
    _ field: FieldDescriptor, in slot: MessageSlot, to json: JSONValue, levels: Int
  ) throws(ProtobufJSONError) {
    if field.isMap { return try setMap(field, in: slot, to: json, levels: levels) }
    if field.isRepeated { return try setList(field, in: slot, to: json, levels: levels) }
    try store(json, at: slot.storage(field), of: field, levels: levels)
    if field.isMember {
      slot.quantifier(field).storeBytes(of: field.pointee.id, as: UInt32.self)
    }
  }

  /// Writes one value; nothing is written where it throws.
  private func store(
    _ json: JSONValue, at place: UnsafeMutableRawPointer, of field: FieldDescriptor, levels: Int
  ) throws(ProtobufJSONError) {
    guard field.isMessage else { return try storeScalar(json, at: place, of: field) }
    let message = arena.make(messageOf: field)
    try read(json, into: message, levels: levels - 1)
    place.storeBytes(of: message.base, as: UnsafeMutableRawPointer.self)
  }

  private func setList(
    _ field: FieldDescriptor, in slot: MessageSlot, to json: JSONValue, levels: Int
  ) throws(ProtobufJSONError) {
    guard let elements = json.array else {
      throw ProtobufJSONError(expected: "a list", found: json)
    }
    let memory = newElements(of: field, count: elements.count)
    for (position, element) in elements.enumerated() {
      try within(.index(position)) { () throws(ProtobufJSONError) in
        let place = memory + position * field.stride
        try store(element, at: place, of: field, levels: levels)
      }
    }
    replace(field, in: slot, with: memory, count: elements.count)
  }

  /// The entries are stored sorted by key.
  private func setMap(
    _ field: FieldDescriptor, in slot: MessageSlot, to json: JSONValue, levels: Int
  ) throws(ProtobufJSONError) {
    guard let object = json.object else {
      throw ProtobufJSONError(expected: "an object", found: json)
    }
    let memory = newElements(of: field, count: object.count)
    for (position, member) in object.members(in: .sorted).enumerated() {
      let entry = arena.make(messageOf: field)
      try within(.key(member.key)) { () throws(ProtobufJSONError) in
        try storeKey(member.key, in: entry)
        let value = entry.field(1)
        try store(member.value, at: entry.storage(value), of: value, levels: levels)
      }
      (memory + position * field.stride)
        .storeBytes(of: entry.base, as: UnsafeMutableRawPointer.self)
    }
    replace(field, in: slot, with: memory, count: object.count)
  }

  private func newElements(of field: FieldDescriptor, count: Int) -> UnsafeMutableRawPointer {
    arena.allocateSized(max(count, 1) * field.stride)
  }

  private func replace(
    _ field: FieldDescriptor, in slot: MessageSlot, with memory: UnsafeMutableRawPointer, count: Int
  ) {
    slot.storage(field).storeBytes(of: memory, as: UnsafeMutableRawPointer.self)
    slot.quantifier(field).storeBytes(of: count, as: Int.self)
  }
}
