// SPDX-License-Identifier: Apache-2.0

import CEnvoyAPI
import CProtobufC
import Foundation
import Testing

@testable import EnvoyAPI

/// Every line of the generated face that names a field by its place is held against the descriptor.
@Suite struct FaceDescriptorTests {
  /// An accessor's line: the property, its Swift type, how it is accessed, and the field's place.
  private struct Access {
    var type: MessageType
    var property: String
    var swiftType: String
    var kind: String
    var place: Int
  }

  private static let folder = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Sources/EnvoyAPI/Generated")

  /// All accesses, and the messages by their Swift names.
  private static func generated() throws -> (accesses: [Access], messages: [String: MessageType]) {
    let files = try FileManager.default
      .contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "swift" }
    var accesses: [Access] = []
    var messages: [String: MessageType] = [:]
    for file in files {
      var scope = ""
      var name = ""
      var type = MessageType(0)
      var property = (name: "", type: "")
      for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
        if line.hasPrefix("extension ") {
          scope = between(line, "extension ", " {") ?? ""
        } else if line.hasPrefix("  public struct ") {
          name = scope + "." + (between(line, "struct ", ":") ?? "")
        } else if line.hasPrefix("    public static let type") {
          type = MessageType(between(line, "MessageType(", ")").flatMap { Int32($0) } ?? -1)
          messages[name] = type
        } else if line.hasPrefix("    public var ") {
          property = (between(line, "var ", ": ") ?? "", between(line, ": ", " {") ?? "")
        } else if let access = access(line, type, property) {
          accesses.append(access)
        }
      }
    }
    return (accesses, messages)
  }

  /// `slot.kind(place)` to read, `slot.set(kind: place, …)` to write; the member of a oneof and its
  /// type stand in the line.
  private static func access(
    _ line: Substring, _ type: MessageType, _ property: (name: String, type: String)
  ) -> Access? {
    guard
      let call = between(line, "slot.", " }") ?? between(line, "slot.", "?)")
        ?? between(line, "slot.", ")")
    else { return nil }
    let words = call.split { !$0.isLetter && !$0.isNumber }.filter { $0 != "set" }
    guard words.count >= 2 else { return nil }
    let isClear = words[0] == "clear"
    return Access(
      type: type,
      property: between(line, "return .", "(") ?? between(line, "case .", "(") ?? property.name,
      swiftType: between(line, "value: ", " =") ?? between(line, " as ", "?)") ?? property.type,
      kind: isClear ? "clear" : String(words[0]), place: Int(words[isClear ? 2 : 1]) ?? -1)
  }

  private static func between(_ line: Substring, _ head: String, _ tail: String) -> String? {
    guard let start = line.range(of: head),
      let end = line.range(of: tail, range: start.upperBound..<line.endIndex)
    else { return nil }
    return String(line[start.upperBound..<end.lowerBound].filter { $0 != "`" })
  }

  @Test func everyPropertyIsTheFieldOfItsNameAndType() throws {
    let (accesses, messages) = try Self.generated()
    var wrong: [String] = []
    for access in accesses {
      guard access.place < access.type.descriptor.pointee.n_fields else {
        wrong.append("\(access)")
        continue
      }
      let field: FieldDescriptor = access.type.descriptor.pointee.fields + access.place
      let isNamed = access.kind == "clear" || Self.isName(access.property, of: field)
      let swiftType = Self.element(of: access.swiftType, access.kind)
      let isTyped = access.kind == "clear" || Self.isType(swiftType, of: field, messages)
      if !isNamed || !isTyped || !Self.isKind(access.kind, of: field) {
        wrong.append("\(access.type.name).\(access.property): \(access) is \(field.name)")
      }
    }
    #expect(accesses.count > 4000)
    #expect(messages.count > 500)
    #expect(wrong.isEmpty, "\(wrong.prefix(5).joined(separator: "\n"))")
  }

  private static func isName(_ property: String, of field: FieldDescriptor) -> Bool {
    property.lowercased() == field.camelName.lowercased()
  }

  private static func isKind(_ kind: String, of field: FieldDescriptor) -> Bool {
    switch kind {
    case "map": field.isMap
    case "list": field.isRepeated && !field.isMap
    case "member", "clear": field.isMember && !field.isRepeated
    case "optional": field.isMessage && !field.isRepeated && !field.isMember
    case "scalar": !field.isMessage && !field.isRepeated && !field.isMember
    default: false
    }
  }

  /// The Swift type of one element.
  private static func element(of type: String, _ kind: String) -> String {
    switch kind {
    case "map": String(type.dropFirst("ProtobufMap<".count).dropLast())
    case "list": String(type.dropFirst("ProtobufList<".count).dropLast())
    default: type.hasSuffix("?") ? String(type.dropLast()) : type
    }
  }

  private static func isType(
    _ swiftType: String, of field: FieldDescriptor, _ messages: [String: MessageType]
  ) -> Bool {
    if field.isMap, let value = field.message.map({ FieldDescriptor($0.pointee.fields + 1) }) {
      return isType(swiftType, of: value, messages)
    }
    if let message = field.message {
      let name = String(cString: message.pointee.name)
      if name.hasPrefix("google.protobuf.") { return swiftType == wellKnown[name.dropFirst(16)] }
      return messages[swiftType]?.name == name
    }
    if field.enumeration != nil {
      return swiftType.hasPrefix("Envoy.") && messages[swiftType] == nil
    }
    return swiftType == scalar(field.pointee.type)
  }

  private static let wellKnown: [Substring: String] = [
    "Any": "ProtobufAny", "Duration": "Duration", "Struct": "JSONObject", "Value": "JSONValue",
    "Empty": "ProtobufEmpty", "BoolValue": "Bool", "StringValue": "String",
    "DoubleValue": "Double", "FloatValue": "Float", "Int32Value": "Int32", "UInt32Value": "UInt32",
    "Int64Value": "Int64", "UInt64Value": "UInt64",
  ]

  private static func scalar(_ type: ProtobufCType) -> String? {
    switch type {
    case PROTOBUF_C_TYPE_INT32, PROTOBUF_C_TYPE_SINT32, PROTOBUF_C_TYPE_SFIXED32: "Int32"
    case PROTOBUF_C_TYPE_UINT32, PROTOBUF_C_TYPE_FIXED32: "UInt32"
    case PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_SINT64, PROTOBUF_C_TYPE_SFIXED64: "Int64"
    case PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_TYPE_FIXED64: "UInt64"
    case PROTOBUF_C_TYPE_FLOAT: "Float"
    case PROTOBUF_C_TYPE_DOUBLE: "Double"
    case PROTOBUF_C_TYPE_BOOL: "Bool"
    case PROTOBUF_C_TYPE_STRING: "String"
    case PROTOBUF_C_TYPE_BYTES: "[UInt8]"
    default: nil
    }
  }
}
