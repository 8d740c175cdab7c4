// SPDX-License-Identifier: Apache-2.0

// Owns: all memory of the messages made in it. Thread: the one that runs its scope. Freed: when the scope ends.

import CProtobufC

/// The memory of the messages that one piece of work makes; all of it is freed together.
///
/// Messages are handles into it, so that none may be kept beyond ``scope(_:)``: what leaves is
/// bytes. A debug build stops at the first use of a handle that was kept; for a pointer that was,
/// there is the address sanitizer (`swift test --sanitize=address`).
public final class Arena {
  private static let chunkSize = 32 * 1024
  private var chunks: [UnsafeMutableRawPointer] = []
  private var cursor: UnsafeMutableRawPointer?
  private var room = 0

  private init() {}

  deinit { for chunk in chunks { chunk.deallocate() } }

  /// Runs `body` with an arena of its own.
  public static func scope<R, E: Error>(_ body: (Arena) throws(E) -> R) throws(E) -> R {
    let arena = Arena()
    let result = try body(arena)
    withExtendedLifetime(arena) {}
    return result
  }

  /// Memory of `size` bytes, aligned to 8, not initialised.
  func allocate(_ size: Int) -> UnsafeMutableRawPointer {
    let rounded = (size + 7) & ~7
    guard let place = cursor, rounded <= room else { return allocateFromNewChunk(rounded) }
    cursor = place + rounded
    room -= rounded
    return place
  }

  private func allocateFromNewChunk(_ size: Int) -> UnsafeMutableRawPointer {
    let chunkSize = max(size, Arena.chunkSize)
    let chunk = UnsafeMutableRawPointer.allocate(byteCount: chunkSize, alignment: 16)
    chunks.append(chunk)
    if chunkSize - size > room {
      cursor = chunk + size
      room = chunkSize - size
    }
    return chunk
  }

  /// Memory of `size` bytes that remembers its size, for arrays that grow.
  func allocateSized(_ size: Int) -> UnsafeMutableRawPointer {
    let place = allocate(size + 8)
    place.storeBytes(of: size, as: Int.self)
    return place + 8
  }

  /// How many bytes ``allocateSized(_:)`` gave at `place`.
  static func size(at place: UnsafeMutableRawPointer) -> Int { (place - 8).load(as: Int.self) }

  /// A NUL-terminated copy of a text; what stands behind a NUL in it is lost, as in protobuf-c.
  func copy(_ text: String) -> UnsafeMutablePointer<CChar> {
    var text = text
    return text.withUTF8 { utf8 in
      let place = allocate(utf8.count + 1)
      if let base = utf8.baseAddress { place.copyMemory(from: base, byteCount: utf8.count) }
      (place + utf8.count).storeBytes(of: 0, as: UInt8.self)
      return place.assumingMemoryBound(to: CChar.self)
    }
  }

  /// A new message without any field set.
  public func make(_ type: MessageType) -> MessageSlot { make(type.descriptor) }

  /// A new message of the type that a message field holds.
  func make(messageOf field: UnsafePointer<ProtobufCFieldDescriptor>) -> MessageSlot {
    // A message field's descriptor is that of its message (protobuf-c.h, ProtobufCFieldDescriptor).
    make(field.pointee.descriptor.assumingMemoryBound(to: ProtobufCMessageDescriptor.self))
  }

  func make(_ descriptor: UnsafePointer<ProtobufCMessageDescriptor>) -> MessageSlot {
    let base = allocate(descriptor.pointee.sizeof_message)
    descriptor.pointee.message_init?(base.assumingMemoryBound(to: ProtobufCMessage.self))
    return MessageSlot(base: base, arena: self)
  }

  /// A message from wire bytes that ``WireScan`` found sound; its maps are sorted by key.
  func unpack(
    _ type: MessageType, _ bytes: UnsafeRawBufferPointer, limits: WireLimits
  ) throws(WireError) -> MessageSlot {
    try WireScan.check(bytes, as: type, limits: limits)
    var allocator = ProtobufCAllocator(
      alloc: arenaAllocate, free: arenaFree,
      allocator_data: Unmanaged.passUnretained(self).toOpaque())
    let message = protobuf_c_message_unpack(
      type.descriptor, &allocator, bytes.count, bytes.bindMemory(to: UInt8.self).baseAddress)
    guard let message else { throw WireError(type: type.name, reason: "is not such a message") }
    let slot = MessageSlot(base: UnsafeMutableRawPointer(message), arena: self)
    slot.sortMaps()
    return slot
  }
}

private func arenaAllocate(_ context: UnsafeMutableRawPointer?, _ size: Int)
  -> UnsafeMutableRawPointer?
{
  guard let context else { return nil }
  return Unmanaged<Arena>.fromOpaque(context).takeUnretainedValue().allocateSized(size)
}

private func arenaFree(_ context: UnsafeMutableRawPointer?, _ place: UnsafeMutableRawPointer?) {}
