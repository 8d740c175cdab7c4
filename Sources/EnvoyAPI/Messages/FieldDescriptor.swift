// SPDX-License-Identifier: Apache-2.0

import CProtobufC
import Glibc

/// A pointer to what protobuf-c knows about a field.
typealias FieldDescriptor = UnsafePointer<ProtobufCFieldDescriptor>
/// A pointer to what protobuf-c knows about a message.
typealias MessageDescriptor = UnsafePointer<ProtobufCMessageDescriptor>
/// A pointer to what protobuf-c knows about an enum.
typealias EnumDescriptor = UnsafePointer<ProtobufCEnumDescriptor>

extension UnsafePointer<ProtobufCFieldDescriptor> {
  /// The name as in the .proto file.
  var name: String { String(cString: pointee.name) }

  var isRepeated: Bool { pointee.label == PROTOBUF_C_LABEL_REPEATED }

  var isMessage: Bool { pointee.type == PROTOBUF_C_TYPE_MESSAGE }

  /// Whether the field is a member of a oneof.
  var isMember: Bool { pointee.flags & PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue != 0 }

  /// The message that a message field holds.
  var message: MessageDescriptor? {
    guard isMessage else { return nil }
    return pointee.descriptor?.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
  }

  /// The enum that an enum field holds.
  var enumeration: EnumDescriptor? {
    guard pointee.type == PROTOBUF_C_TYPE_ENUM else { return nil }
    return pointee.descriptor?.assumingMemoryBound(to: ProtobufCEnumDescriptor.self)
  }

  /// The name that protobuf's JSON has by default: without `_`, the letter behind it in upper case.
  var camelName: String {
    var name = [UInt8]()
    var raise = false
    var place = pointee.name.map { UnsafeRawPointer($0) }
    while let byte = place?.load(as: UInt8.self), byte != 0 {
      if byte == UInt8(ascii: "_") {
        raise = true
      } else {
        name.append(raise ? byte.upperCase : byte)
        raise = false
      }
      place = place.map { $0 + 1 }
    }
    return String(decoding: name, as: UTF8.self)
  }

  /// Whether the field is a map: repeated messages of key and value, whose type bears the field's
  /// name in CamelCase with `Entry` behind it (protobuf, "Maps", backwards compatibility).
  var isMap: Bool {
    guard isRepeated, let entry = message, entry.pointee.n_fields == 2,
      strcmp(entry.pointee.fields[0].name, "key") == 0,
      strcmp(entry.pointee.fields[1].name, "value") == 0
    else { return false }
    return String(cString: entry.pointee.short_name).utf8.elementsEqual(entryName)
  }

  private var entryName: [UInt8] {
    var name = Array(camelName.utf8)
    if let first = name.first { name[0] = first.upperCase }
    return name + Array("Entry".utf8)
  }

  /// The bytes that one element takes in a repeated field.
  var stride: Int {
    switch pointee.type {
    case PROTOBUF_C_TYPE_MESSAGE, PROTOBUF_C_TYPE_STRING: 8
    case PROTOBUF_C_TYPE_BYTES: MemoryLayout<ProtobufCBinaryData>.stride
    case PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_SINT64, PROTOBUF_C_TYPE_SFIXED64,
      PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_TYPE_DOUBLE:
      8
    default: 4
    }
  }
}

extension UnsafePointer<ProtobufCFieldDescriptor> {
  /// Whether a field that is no message has the value that is not sent where it has no presence.
  func isZero(at place: UnsafeRawPointer) -> Bool {
    switch pointee.type {
    case PROTOBUF_C_TYPE_FLOAT: place.load(as: Float.self) == 0
    case PROTOBUF_C_TYPE_DOUBLE: place.load(as: Double.self) == 0
    case PROTOBUF_C_TYPE_STRING:
      place.load(as: UnsafePointer<CChar>?.self).map { $0.pointee == 0 } ?? true
    case PROTOBUF_C_TYPE_BYTES: place.load(as: ProtobufCBinaryData.self).len == 0
    default:
      stride == 8 ? place.load(as: UInt64.self) == 0 : place.load(as: UInt32.self) == 0
    }
  }
}

extension UInt8 {
  fileprivate var upperCase: UInt8 {
    self >= UInt8(ascii: "a") && self <= UInt8(ascii: "z") ? self - 32 : self
  }
}

extension MessageSlot {
  /// The message's fields in order.
  var fields: some RandomAccessCollection<FieldDescriptor> {
    (0..<Int(descriptor.pointee.n_fields)).lazy.map { self.field($0) }
  }

  /// Where a oneof says which member is set, a repeated field how many elements it has.
  func quantifier(_ field: FieldDescriptor) -> UnsafeMutableRawPointer {
    base + Int(field.pointee.quantifier_offset)
  }

  /// Whether a field that is a member of a oneof is the one that is set.
  func isChosen(_ field: FieldDescriptor) -> Bool {
    quantifier(field).load(as: UInt32.self) == field.pointee.id
  }

  /// The number of elements of a repeated field.
  func count(_ field: FieldDescriptor) -> Int { quantifier(field).load(as: Int.self) }

  /// Where the element of a repeated field is stored.
  func element(_ field: FieldDescriptor, _ position: Int) -> UnsafeMutableRawPointer {
    storage(field).load(as: UnsafeMutableRawPointer.self) + position * field.stride
  }

  /// The message that a pointer at `place` leads to.
  func message(at place: UnsafeRawPointer) -> MessageSlot? {
    place.load(as: UnsafeMutableRawPointer?.self).map { MessageSlot(base: $0, arena: arena) }
  }
}
