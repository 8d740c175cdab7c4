// SPDX-License-Identifier: Apache-2.0

import Bytes

extension EncodedResource {
  /// The resource's message, unpacked.
  ///
  /// - Throws: ``WireError`` where the type's URL names no known message, or the bytes, which may
  ///   have been given packed, are not sound.
  public func message(in arena: Arena) throws(WireError) -> MessageSlot {
    guard let message = MessageType(typeURL: type.url) else {
      throw WireError(type: type.url, reason: "is not a message that is known here")
    }
    return try packed.withUnsafeBytes { (bytes) throws(WireError) -> MessageSlot in
      try arena.unpack(message, bytes, limits: .standard)
    }
  }

  /// The resource's message as one of the face.
  ///
  /// - Throws: ``WireError`` where the resource holds another message, or its bytes are not sound.
  public func message<M: ProtobufMessage>(
    _: M.Type, in arena: Arena
  ) throws(WireError) -> M {
    guard type.url == M.type.typeURL else {
      throw WireError(type: M.type.name, reason: "is not what a \(type.url) is")
    }
    return M(slot: try message(in: arena))
  }
}
