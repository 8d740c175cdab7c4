// SPDX-License-Identifier: Apache-2.0

import CProtobufC

// What the generated face calls: fields by their place in field order.
extension MessageSlot {
  /// A field without presence.
  func scalar<V: ProtobufValue>(_ index: Int) -> V { V.load(storage(field(index)), arena) }

  /// Sets a field without presence.
  func set<V: ProtobufValue>(scalar index: Int, _ value: V) {
    V.store(value, storage(field(index)), arena)
  }

  /// A message field, nil where it is not set.
  func optional<V: ProtobufValue>(_ index: Int) -> V? {
    let place = storage(field(index)).load(as: UnsafeMutableRawPointer?.self)
    return place.map { V.unbox(MessageSlot(base: $0, arena: arena)) }
  }

  /// Sets or, with nil, clears a message field.
  func set<V: ProtobufValue>(optional index: Int, _ value: V?) {
    storage(field(index)).storeBytes(
      of: value.map { V.box($0, arena).base }, as: UnsafeMutableRawPointer?.self)
  }

  /// A member of a oneof, nil where another or none is set.
  func member<V: ProtobufValue>(_ index: Int) -> V? {
    let field = field(index)
    guard choice(field).load(as: UInt32.self) == field.pointee.id else { return nil }
    guard field.pointee.type == PROTOBUF_C_TYPE_MESSAGE else {
      return V.load(storage(field), arena)
    }
    return optional(index)
  }

  /// Sets a member of a oneof; nil clears the oneof where this member is set.
  func set<V: ProtobufValue>(member index: Int, _ value: V?) {
    let field = field(index)
    guard let value else {
      if choice(field).load(as: UInt32.self) == field.pointee.id { clear(member: index) }
      return
    }
    choice(field).storeBytes(of: field.pointee.id, as: UInt32.self)
    if field.pointee.type == PROTOBUF_C_TYPE_MESSAGE {
      set(optional: index, value)
    } else {
      V.store(value, storage(field), arena)
    }
  }

  /// Clears the oneof that has this member.
  func clear(member index: Int) {
    choice(field(index)).storeBytes(of: 0, as: UInt32.self)
  }

  /// A repeated field.
  func list<V>(_ index: Int) -> ProtobufList<V> { ProtobufList(storage: .bound(self, index)) }

  /// Replaces a repeated field.
  func set<V>(list index: Int, _ value: ProtobufList<V>) { value.store(to: self, index) }

  /// A map with keys that are texts.
  func map<V>(_ index: Int) -> ProtobufMap<V> { ProtobufMap(entries: list(index)) }

  /// Accepts what ``ProtobufMap`` wrote through itself.
  func set<V>(map index: Int, _ value: ProtobufMap<V>) { value.entries.store(to: self, index) }

  /// Where a oneof says which member is set.
  private func choice(_ field: UnsafePointer<ProtobufCFieldDescriptor>) -> UnsafeMutableRawPointer {
    base + Int(field.pointee.quantifier_offset)
  }
}
