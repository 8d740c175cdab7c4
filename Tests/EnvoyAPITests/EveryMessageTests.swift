// SPDX-License-Identifier: Apache-2.0

import CEnvoyAPI
import CProtobufC
import JSON
import Testing

@testable import EnvoyAPI

/// Samples of every message of the API, by their descriptors.
private struct Sampler {
  /// Which member of each oneof is set, counted around.
  let round: Int
  let options: ProtobufJSONOptions

  /// All fields, messages to a depth; what is deeper is an empty object or left out.
  func sample(_ descriptor: MessageDescriptor, depth: Int) -> JSONValue {
    if let known = WellKnownMessage(descriptor) { return sample(known, depth: depth) }
    var members: [JSONObject.Member] = []
    let fields = (0..<Int(descriptor.pointee.n_fields)).map {
      FieldDescriptor(descriptor.pointee.fields + $0)
    }
    for field in fields where isChosen(field, among: fields) {
      guard let value = sample(field, depth: depth) else { continue }
      let name = options.fieldNames == .proto ? field.name : field.camelName
      members.append(JSONObject.Member(name, value))
    }
    return .object(JSONObject(distinct: members))
  }

  private func isChosen(_ field: FieldDescriptor, among fields: [FieldDescriptor]) -> Bool {
    guard field.isMember else { return true }
    let members = fields.filter {
      $0.isMember && $0.pointee.quantifier_offset == field.pointee.quantifier_offset
    }
    return members[round % members.count] == field
  }

  private func sample(_ field: FieldDescriptor, depth: Int) -> JSONValue? {
    if field.isMap {
      guard depth > 0, let entry = field.message?.pointee.fields else { return nil }
      let key = value(of: entry, depth: 0).string ?? value(of: entry, depth: 0).text()
      return [key: value(of: entry + 1, depth: depth - 1)] as JSONValue
    }
    if field.isRepeated {
      guard !field.isMessage || depth > 0 else { return nil }
      return .array([value(of: field, depth: depth - 1), value(of: field, depth: depth - 1)])
    }
    return value(of: field, depth: depth - 1)
  }

  /// A value that is not zero.
  private func value(of field: FieldDescriptor, depth: Int) -> JSONValue {
    if let message = field.message {
      return depth < 0 && WellKnownMessage(message) == nil ? [:] : sample(message, depth: depth)
    }
    switch field.pointee.type {
    case PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_SINT64, PROTOBUF_C_TYPE_SFIXED64:
      return "-9007199254740993"
    case PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_TYPE_FIXED64: return "18446744073709551615"
    case PROTOBUF_C_TYPE_INT32, PROTOBUF_C_TYPE_SINT32, PROTOBUF_C_TYPE_SFIXED32:
      return -2_147_483_648
    case PROTOBUF_C_TYPE_UINT32, PROTOBUF_C_TYPE_FIXED32: return 4_294_967_295
    case PROTOBUF_C_TYPE_FLOAT: return 0.1
    case PROTOBUF_C_TYPE_DOUBLE: return -1e300
    case PROTOBUF_C_TYPE_BOOL: return true
    case PROTOBUF_C_TYPE_STRING: return .string("\(field.name) é")
    case PROTOBUF_C_TYPE_BYTES: return "AAEC/w=="
    default: return enumeration(field)
    }
  }

  /// The name of an enum's last value; zero is not printed where there is no other.
  private func enumeration(_ field: FieldDescriptor) -> JSONValue {
    guard let values = field.enumeration?.pointee, values.n_values > 1 else { return 77 }
    return .string(String(cString: values.values[Int(values.n_values) - 1].name))
  }

  private func sample(_ known: WellKnownMessage, depth: Int) -> JSONValue {
    switch known {
    case .any where depth <= 0: ["@type": "type.googleapis.com/no.such.Type", "value": "AAE="]
    case .any:
      ["@type": "type.googleapis.com/google.protobuf.Any", "value": sample(.any, depth: 0)]
    case .duration: "-1.500s"
    case .timestamp: "2026-02-28T23:59:59.000001Z"
    case .object, .value: ["a": [nil, true, 1, 0.5, "x", [:]], "b": ["c": []]]
    case .list: [1, [2], ["x": nil]]
    case .boolValue: false
    case .bytesValue: "/w=="
    case .doubleValue: 0.0
    case .floatValue: 3.25
    case .int32Value, .uint32Value: 0
    case .int64Value, .uint64Value: "0"
    case .stringValue: ""
    }
  }
}

@Suite struct EveryMessageTests {
  @Test(arguments: [ProtobufJSONOptions.FieldNames.proto, .camelCase], [0, 1, 2, 3])
  func readsPacksUnpacksAndPrintsAsItWas(names: ProtobufJSONOptions.FieldNames, round: Int) {
    let sampler = Sampler(round: round, options: ProtobufJSONOptions(fieldNames: names))
    var failures: [String] = []
    for index in 0..<cenvoyapi_message_count {
      let type = MessageType(index)
      let json = sampler.sample(type.descriptor, depth: 1)
      do {
        let copy = try roundTrip(json, type, sampler.options)
        if let found = json.difference(from: copy) { failures.append("\(type.name) \(found)") }
      } catch {
        failures.append("\(type.name) \(error)")
      }
    }
    #expect(failures.isEmpty, "\(failures.count): \(failures.prefix(5).joined(separator: "\n"))")
  }

  private func roundTrip(
    _ json: JSONValue, _ type: MessageType, _ options: ProtobufJSONOptions
  ) throws -> JSONValue {
    let packed = try Arena.scope { arena in
      let slot = arena.make(type)
      try slot.read(json)
      return slot.packed
    }
    return try packed.withUnsafeBytes {
      try ProtobufJSON.json(type: type, packed: $0, options: options)
    }
  }

  @Test func typesAreFoundByNameAndURL() {
    for index in 0..<cenvoyapi_message_count {
      let type = MessageType(index)
      #expect(MessageType(named: type.name) == type)
      #expect(MessageType(typeURL: type.typeURL) == type)
    }
    #expect(MessageType(named: "") == nil)
    #expect(MessageType(named: "zzz") == nil)
    #expect(MessageType(typeURL: "envoy.config.cluster.v3.Cluster") == nil)
  }
}
