// SPDX-License-Identifier: Apache-2.0

import CProtobufC
import JSON

// Numbers, truth values, texts, bytes and enums. What is wrong throws before anything is written.
extension ProtobufJSONReader {
  /// Writes a value that is no message.
  func storeScalar(
    _ json: JSONValue, at place: UnsafeMutableRawPointer, of field: FieldDescriptor
  ) throws(ProtobufJSONError) {
    switch field.pointee.type {
    case PROTOBUF_C_TYPE_INT32, PROTOBUF_C_TYPE_SINT32, PROTOBUF_C_TYPE_SFIXED32:
      place.storeBytes(of: try integer(json), as: Int32.self)
    case PROTOBUF_C_TYPE_UINT32, PROTOBUF_C_TYPE_FIXED32:
      place.storeBytes(of: try integer(json), as: UInt32.self)
    case PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_SINT64, PROTOBUF_C_TYPE_SFIXED64:
      place.storeBytes(of: try integer(json), as: Int64.self)
    case PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_TYPE_FIXED64:
      place.storeBytes(of: try integer(json), as: UInt64.self)
    case PROTOBUF_C_TYPE_FLOAT: place.storeBytes(of: try float(json), as: Float.self)
    case PROTOBUF_C_TYPE_DOUBLE: place.storeBytes(of: try double(json), as: Double.self)
    case PROTOBUF_C_TYPE_BOOL: Bool.store(try bool(json), place, arena)
    case PROTOBUF_C_TYPE_ENUM: place.storeBytes(of: try number(json, of: field), as: Int32.self)
    case PROTOBUF_C_TYPE_STRING: String.store(try text(json), place, arena)
    default: [UInt8].store(try bytes(json), place, arena)
    }
  }

  /// Writes the key of a map's entry.
  func storeKey(_ key: String, in entry: MessageSlot) throws(ProtobufJSONError) {
    let field = entry.field(0)
    let isBool = field.pointee.type == PROTOBUF_C_TYPE_BOOL
    let json = isBool ? Bool(key).map(JSONValue.bool) : nil
    try storeScalar(json ?? .string(key), at: entry.storage(field), of: field)
  }

  private func integer<I: FixedWidthInteger>(_ json: JSONValue) throws(ProtobufJSONError) -> I {
    let value: I? =
      switch json {
      case .integer(let number): I(exactly: number)
      case .double(let number): I(exactly: number)
      case .string(let text): I(text) ?? decimal(text).flatMap { I(exactly: $0) }
      default: nil
      }
    guard let value else {
      throw ProtobufJSONError(expected: "a whole number from \(I.min) to \(I.max)", found: json)
    }
    return value
  }

  private func double(_ json: JSONValue) throws(ProtobufJSONError) -> Double {
    let value: Double? =
      switch json {
      case .integer(let number): Double(number)
      case .double(let number): number
      case .string("NaN"): .nan
      case .string("Infinity"): .infinity
      case .string("-Infinity"): -.infinity
      case .string(let text): decimal(text)
      default: nil
      }
    guard let value else { throw ProtobufJSONError(expected: "a number", found: json) }
    return value
  }

  private func float(_ json: JSONValue) throws(ProtobufJSONError) -> Float {
    let value = try double(json)
    guard value.isInfinite || Float(value).isFinite || value.isNaN else {
      throw ProtobufJSONError(expected: "a number of 32 bits", found: json)
    }
    return Float(value)
  }

  /// A number as JSON writes it; Swift would read others, such as `0x1p3`, too.
  private func decimal(_ text: String) -> Double? {
    let isPlain = text.utf8.allSatisfy { "0123456789+-.eE".utf8.contains($0) }
    guard isPlain, let value = Double(text), value.isFinite else { return nil }
    return value
  }

  private func bool(_ json: JSONValue) throws(ProtobufJSONError) -> Bool {
    guard let value = json.bool else {
      throw ProtobufJSONError(expected: "true or false", found: json)
    }
    return value
  }

  private func text(_ json: JSONValue) throws(ProtobufJSONError) -> String {
    guard let value = json.string else { throw ProtobufJSONError(expected: "a text", found: json) }
    try checkText(value)
    return value
  }

  /// protobuf-c would cut a text at a NUL.
  func checkText(_ text: String) throws(ProtobufJSONError) {
    if text.utf8.contains(0) {
      throw ProtobufJSONError(reason: "has a NUL, which this control plane does not carry")
    }
  }

  /// The bytes of a text in base64.
  func bytes(_ json: JSONValue) throws(ProtobufJSONError) -> [UInt8] {
    guard let text = json.string, let bytes = Base64.decode(text) else {
      throw ProtobufJSONError(expected: "bytes in base64", found: json)
    }
    return bytes
  }

  /// The number of an enum's value, known to the enum or not.
  private func number(
    _ json: JSONValue, of field: FieldDescriptor
  ) throws(ProtobufJSONError) -> Int32 {
    if case .integer = json { return try integer(json) }
    if case .double = json { return try integer(json) }
    guard let descriptor = field.enumeration else { return try integer(json) }
    let name = json == .null ? "NULL_VALUE" : json.string
    let value = name.flatMap { protobuf_c_enum_descriptor_get_value_by_name(descriptor, $0) }
    guard let value else {
      let error = ProtobufJSONError(expected: "one of " + names(of: descriptor), found: json)
      guard let unknown, name != nil else { throw error }
      unknown.note(error)
      return 0
    }
    return value.pointee.value
  }

  private func names(of descriptor: EnumDescriptor) -> String {
    (0..<Int(descriptor.pointee.n_values))
      .map { String(cString: descriptor.pointee.values[$0].name) }.joined(separator: ", ")
  }
}
