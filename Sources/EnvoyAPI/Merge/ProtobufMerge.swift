// SPDX-License-Identifier: Apache-2.0

import CProtobufC
import Glibc

/// What a merge does with lists that both messages have.
public enum ProtobufListMerge: Hashable, Sendable {
  /// The elements are added behind those that are there, as protobuf's own merge does.
  case append
  /// The list takes the place of the one that is there (EnvoyFilter's `MERGE_AND_REPLACE_LIST`).
  case replace
}

extension MessageSlot {
  /// Merges the fields that `other` has into this message, which is of the same type.
  ///
  /// Numbers, texts and the like that are not zero replace what is there, messages are merged, a
  /// map's entries replace those of the same key, unknown fields are added: protobuf's merge, so
  /// that a wrapper of zero does not replace one of another value. A `Duration` is replaced as a
  /// whole, as Istio does. Nothing of `other` is shared; it may live in another arena.
  public func merge(_ other: MessageSlot, lists: ProtobufListMerge = .append) {
    precondition(descriptor == other.descriptor, "messages of two types cannot be merged")
    for field in other.fields {
      if field.isMap {
        append(field, of: other)
        sortEntries(field)
      } else if field.isRepeated {
        if lists == .replace, other.count(field) > 0 { setCount(0, of: field) }
        append(field, of: other)
      } else if other.isSet(field) {
        merge(field, of: other, lists: lists)
      }
    }
    appendUnknownFields(of: other)
  }

  /// A copy in an arena, this message's own or another.
  public func copied(in arena: Arena) -> MessageSlot {
    let copy = arena.make(descriptor)
    copy.merge(self)
    return copy
  }

  private func isSet(_ field: FieldDescriptor) -> Bool {
    if field.isMember, !isChosen(field) { return false }
    if field.isMessage { return message(at: storage(field)) != nil }
    return field.isMember || !field.isZero(at: storage(field))
  }

  /// Merges a field that is set and no list.
  private func merge(
    _ field: FieldDescriptor, of other: MessageSlot, lists: ProtobufListMerge
  ) {
    let isHere = !field.isMember || isChosen(field)
    if isHere, let mine = message(of: field), let theirs = other.message(of: field),
      WellKnownMessage(mine.descriptor) != .duration
    {
      return mine.merge(theirs, lists: lists)
    }
    copyValue(field, from: other.storage(field), of: other, to: storage(field))
    if field.isMember { quantifier(field).storeBytes(of: field.pointee.id, as: UInt32.self) }
  }

  private func message(of field: FieldDescriptor) -> MessageSlot? {
    field.isMessage ? message(at: storage(field)) : nil
  }

  /// Adds copies of a repeated field's elements.
  private func append(_ field: FieldDescriptor, of other: MessageSlot) {
    let added = other.count(field)
    guard added > 0 else { return }
    let present = count(field)
    let memory = arena.allocateSized((present + added) * field.stride)
    if present > 0 {
      memory.copyMemory(from: element(field, 0), byteCount: present * field.stride)
    }
    for position in 0..<added {
      let place = memory + (present + position) * field.stride
      copyValue(field, from: other.element(field, position), of: other, to: place)
    }
    storage(field).storeBytes(of: memory, as: UnsafeMutableRawPointer.self)
    setCount(present + added, of: field)
  }

  private func setCount(_ count: Int, of field: FieldDescriptor) {
    quantifier(field).storeBytes(of: count, as: Int.self)
  }

  private func copyValue(
    _ field: FieldDescriptor, from source: UnsafeRawPointer, of other: MessageSlot,
    to target: UnsafeMutableRawPointer
  ) {
    switch field.pointee.type {
    case PROTOBUF_C_TYPE_MESSAGE:
      let copy = other.message(at: source)?.copied(in: arena)
      target.storeBytes(of: copy?.base, as: UnsafeMutableRawPointer?.self)
    case PROTOBUF_C_TYPE_STRING:
      let text = source.load(as: UnsafePointer<CChar>?.self)
      let copy = text.map { arena.copy($0, count: strlen($0) + 1) }
      target.storeBytes(of: copy, as: UnsafeMutableRawPointer?.self)
    case PROTOBUF_C_TYPE_BYTES:
      let data = source.load(as: ProtobufCBinaryData.self)
      let copy = arena.copy(data.data, count: data.len).assumingMemoryBound(to: UInt8.self)
      target.storeBytes(
        of: ProtobufCBinaryData(len: data.len, data: copy), as: ProtobufCBinaryData.self)
    default: target.copyMemory(from: source, byteCount: field.stride)
    }
  }

  private func appendUnknownFields(of other: MessageSlot) {
    let theirs = other.base.assumingMemoryBound(to: ProtobufCMessage.self)
    let mine = base.assumingMemoryBound(to: ProtobufCMessage.self)
    let added = Int(theirs.pointee.n_unknown_fields)
    let present = Int(mine.pointee.n_unknown_fields)
    guard added > 0 else { return }
    let stride = MemoryLayout<ProtobufCMessageUnknownField>.stride
    let memory = arena.allocate((present + added) * stride)
      .bindMemory(to: ProtobufCMessageUnknownField.self, capacity: present + added)
    for position in 0..<present { memory[position] = mine.pointee.unknown_fields[position] }
    for position in 0..<added {
      var field: ProtobufCMessageUnknownField = theirs.pointee.unknown_fields[position]
      let copy = arena.copy(field.data, count: field.len)
      field.data = copy.assumingMemoryBound(to: UInt8.self)
      memory[present + position] = field
    }
    mine.pointee.unknown_fields = memory
    mine.pointee.n_unknown_fields = UInt32(present + added)
  }
}

extension Arena {
  /// A copy of memory.
  fileprivate func copy(_ memory: UnsafeRawPointer?, count: Int) -> UnsafeMutableRawPointer {
    let place = allocate(count)
    if let memory { place.copyMemory(from: memory, byteCount: count) }
    return place
  }
}
