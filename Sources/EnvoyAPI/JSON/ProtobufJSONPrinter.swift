// SPDX-License-Identifier: Apache-2.0

import CProtobufC
import JSON

/// Writes messages as JSON by their descriptors.
struct ProtobufJSONPrinter {
  var options: ProtobufJSONOptions

  /// A message; `levels` bounds what `Any` in `Any` could otherwise drive deep.
  func value(_ slot: MessageSlot, levels: Int) -> JSONValue {
    guard let known = WellKnownMessage(slot.descriptor) else {
      return .object(JSONObject(distinct: members(slot, levels: levels)))
    }
    return value(slot, known, levels: levels)
  }

  private func members(_ slot: MessageSlot, levels: Int) -> [JSONObject.Member] {
    slot.fields.compactMap { field in
      value(of: field, in: slot, levels: levels).map { JSONObject.Member(name(field), $0) }
    }
  }

  private func name(_ field: FieldDescriptor) -> String {
    switch options.fieldNames {
    case .proto: field.name
    case .camelCase: field.camelName
    }
  }

  /// A field's value, nil where it is not set.
  private func value(
    of field: FieldDescriptor, in slot: MessageSlot, levels: Int
  ) -> JSONValue? {
    if field.isRepeated {
      let count = slot.count(field)
      guard count > 0 else { return nil }
      return field.isMap
        ? map(field, in: slot, levels: levels)
        : .array((0..<count).map { element(slot.element(field, $0), field, slot, levels) })
    }
    if field.isMember, !slot.isChosen(field) { return nil }
    if field.isMessage {
      return slot.message(at: slot.storage(field)).map { value($0, levels: levels - 1) }
    }
    guard field.isMember || !field.isZero(at: slot.storage(field)) else { return nil }
    return scalar(slot.storage(field), field)
  }

  private func element(
    _ place: UnsafeRawPointer, _ field: FieldDescriptor, _ slot: MessageSlot, _ levels: Int
  ) -> JSONValue {
    guard field.isMessage else { return scalar(place, field) }
    return slot.message(at: place).map { value($0, levels: levels - 1) } ?? .null
  }

  /// A map's entries sorted by key; of a repeated key the last one counts.
  private func map(_ field: FieldDescriptor, in slot: MessageSlot, levels: Int) -> JSONValue {
    var values: [String: JSONValue] = [:]
    for position in 0..<slot.count(field) {
      guard let entry = slot.message(at: slot.element(field, position)) else { continue }
      values[key(of: entry)] = entryValue(of: entry, levels: levels)
    }
    let members = values.map { JSONObject.Member($0.key, $0.value) }
    return .object(JSONObject(distinct: JSONObject(distinct: members).members(in: .sorted)))
  }

  private func key(of entry: MessageSlot) -> String {
    let field = entry.field(0)
    return switch scalar(entry.storage(field), field) {
    case .string(let text): text
    case let other: other.text()
    }
  }

  private func entryValue(of entry: MessageSlot, levels: Int) -> JSONValue {
    let field = entry.field(1)
    guard field.isMessage else { return scalar(entry.storage(field), field) }
    let message = entry.message(at: entry.storage(field)) ?? entry.arena.make(messageOf: field)
    return value(message, levels: levels - 1)
  }
}

// MARK: - Scalars

extension ProtobufJSONPrinter {
  /// The value of a field that is no message, zero or not.
  func scalar(_ place: UnsafeRawPointer, _ field: FieldDescriptor) -> JSONValue {
    switch field.pointee.type {
    case PROTOBUF_C_TYPE_INT32, PROTOBUF_C_TYPE_SINT32, PROTOBUF_C_TYPE_SFIXED32:
      .integer(Int64(place.load(as: Int32.self)))
    case PROTOBUF_C_TYPE_UINT32, PROTOBUF_C_TYPE_FIXED32:
      .integer(Int64(place.load(as: UInt32.self)))
    case PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_SINT64, PROTOBUF_C_TYPE_SFIXED64:
      .string(String(place.load(as: Int64.self)))
    case PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_TYPE_FIXED64:
      .string(String(place.load(as: UInt64.self)))
    case PROTOBUF_C_TYPE_FLOAT: number(place.load(as: Float.self))
    case PROTOBUF_C_TYPE_DOUBLE: number(place.load(as: Double.self))
    case PROTOBUF_C_TYPE_BOOL: .bool(place.load(as: Int32.self) != 0)
    case PROTOBUF_C_TYPE_ENUM: enumeration(place.load(as: Int32.self), field)
    case PROTOBUF_C_TYPE_STRING:
      .string(place.load(as: UnsafePointer<CChar>?.self).map { String(cString: $0) } ?? "")
    case PROTOBUF_C_TYPE_BYTES: .string(Base64.encode(bytes(place)))
    default: .null
    }
  }

  /// The shortest decimal that reads back as the same number of the same width.
  private func number<N: BinaryFloatingPoint & LosslessStringConvertible>(_ value: N) -> JSONValue {
    if value.isNaN { return .string("NaN") }
    if value.isInfinite { return .string(value < 0 ? "-Infinity" : "Infinity") }
    return .double(Double(value.description) ?? Double(value))
  }

  private func enumeration(_ number: Int32, _ field: FieldDescriptor) -> JSONValue {
    guard let descriptor = field.enumeration,
      let value = protobuf_c_enum_descriptor_get_value(descriptor, number)
    else { return .integer(Int64(number)) }
    let name = String(cString: value.pointee.name)
    return name == "NULL_VALUE" ? .null : .string(name)
  }

  private func bytes(_ place: UnsafeRawPointer) -> UnsafeRawBufferPointer {
    let data = place.load(as: ProtobufCBinaryData.self)
    return UnsafeRawBufferPointer(start: data.data, count: data.len)
  }
}

// MARK: - Messages of google.protobuf

extension ProtobufJSONPrinter {
  private func value(
    _ slot: MessageSlot, _ known: WellKnownMessage, levels: Int
  ) -> JSONValue {
    switch known {
    case .any:
      let bytes = bytes(slot.storage(slot.field(1)))
      return any(slot.scalar(0), bytes, in: slot.arena, levels: levels)
    case .duration:
      return .string(ProtobufTime.durationText(seconds: slot.scalar(0), nanos: slot.scalar(1)))
    case .timestamp:
      return .string(ProtobufTime.timestampText(seconds: slot.scalar(0), nanos: slot.scalar(1)))
    case .object: return .object(JSONObject.unbox(slot))
    case .value: return JSONValue.unbox(slot)
    case .list:
      let values: ProtobufList<JSONValue> = slot.list(0)
      return .array(Array(values))
    default: return scalar(slot.storage(slot.field(0)), slot.field(0))
    }
  }

  /// A message with its type's URL as first member.
  ///
  /// - Parameter arena: Where the message is unpacked.
  func any(
    _ url: String, _ bytes: UnsafeRawBufferPointer, in arena: Arena, levels: Int
  ) -> JSONValue {
    if url.isEmpty, bytes.isEmpty { return .object(JSONObject()) }
    let head = JSONObject.Member("@type", .string(url))
    guard levels > 0, let message = unpack(url, bytes, in: arena) else {
      let value = JSONObject.Member("value", .string(Base64.encode(bytes)))
      return .object(JSONObject(distinct: bytes.isEmpty ? [head] : [head, value]))
    }
    guard let known = WellKnownMessage(message.descriptor) else {
      return .object(JSONObject(distinct: [head] + members(message, levels: levels - 1)))
    }
    let value = value(message, known, levels: levels - 1)
    return .object(JSONObject(distinct: [head, JSONObject.Member("value", value)]))
  }

  private func unpack(
    _ url: String, _ bytes: UnsafeRawBufferPointer, in arena: Arena
  ) -> MessageSlot? {
    guard let type = MessageType(typeURL: url) else { return nil }
    return try? arena.unpack(type, bytes, limits: .standard)
  }
}
