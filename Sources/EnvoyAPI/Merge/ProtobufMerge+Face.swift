// SPDX-License-Identifier: Apache-2.0

extension ProtobufMessage {
  /// Merges the fields that `other` has into this message; see ``MessageSlot/merge(_:lists:)``.
  public func merge(_ other: Self, lists: ProtobufListMerge = .append) {
    slot.merge(other.slot, lists: lists)
  }

  /// A copy in an arena, this message's own or another.
  public func copied(in arena: Arena) -> Self { Self(slot: slot.copied(in: arena)) }
}

extension ProtobufAny {
  /// This message with the fields that another of the same type has merged into it.
  ///
  /// Both are unpacked, merged by ``MessageSlot/merge(_:lists:)``, and packed again.
  ///
  /// - Throws: ``WireError`` where the type is not known, the two differ in it, or bytes are not
  ///   sound.
  public func merged(
    with other: ProtobufAny, lists: ProtobufListMerge = .append
  ) throws(WireError) -> ProtobufAny {
    guard let type = MessageType(typeURL: typeURL) else {
      throw WireError(type: typeURL, reason: "is not a message that is known here")
    }
    guard MessageType(typeURL: other.typeURL) == type else {
      throw WireError(type: type.name, reason: "cannot be merged with a \(other.typeURL)")
    }
    let packed = try Arena.scope { (arena) throws(WireError) -> [UInt8] in
      let message = try unpacked(type, in: arena)
      message.merge(try other.unpacked(type, in: arena), lists: lists)
      return message.packed
    }
    return ProtobufAny(typeURL: typeURL, value: packed)
  }

  private func unpacked(
    _ type: MessageType, in arena: Arena
  ) throws(WireError) -> MessageSlot {
    let result = value.withUnsafeBytes { bytes in
      Result { () throws(WireError) in try arena.unpack(type, bytes, limits: .standard) }
    }
    return try result.get()
  }
}
