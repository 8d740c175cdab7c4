// SPDX-License-Identifier: Apache-2.0

import CEnvoyAPI
import CProtobufC

/// The descriptor of a message: its name and fields.
public struct MessageType: Hashable, Sendable {
  /// The place in the table of all messages, which is sorted by name.
  private let index: Int32

  init(_ index: Int32) { self.index = index }

  /// The message of a full name such as `envoy.config.cluster.v3.Cluster`, if it is known.
  public init?(named name: String) {
    let place = MessageType.firstIndex(notBefore: name)
    guard place < cenvoyapi_message_count, MessageType(place).name == name else { return nil }
    index = place
  }

  private static func firstIndex(notBefore name: String) -> Int32 {
    var low: Int32 = 0
    var high = cenvoyapi_message_count
    while low < high {
      let middle = (low + high) / 2
      if MessageType(middle).name < name { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The message of a type URL such as `type.googleapis.com/envoy.config.cluster.v3.Cluster`.
  public init?(typeURL: String) {
    guard let slash = typeURL.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
    self.init(named: String(typeURL[typeURL.utf8.index(after: slash)...]))
  }

  /// Whether some message is of a package such as `envoy.config.cluster.v3`, or is nested in one of
  /// that name.
  public static func isKnown(package: String) -> Bool {
    let prefix = package + "."
    let place = MessageType.firstIndex(notBefore: prefix)
    return place < cenvoyapi_message_count && MessageType(place).name.hasPrefix(prefix)
  }

  /// The full name.
  public var name: String { String(cString: descriptor.pointee.name) }
  /// The URL under which an `Any` holds such a message.
  public var typeURL: String { "type.googleapis.com/" + name }

  var descriptor: UnsafePointer<ProtobufCMessageDescriptor> { cenvoyapi_message(index) }
}

/// A message known by its descriptor only; its fields are known by their places in field order.
public struct MessageSlot {
  let base: UnsafeMutableRawPointer
  /// The arena that holds the message; whoever has the slot is inside of its scope.
  ///
  /// In a debug build a slot that is used beyond the scope stops the process.
  #if DEBUG
    unowned let arena: Arena
  #else
    unowned(unsafe) let arena: Arena
  #endif

  init(base: UnsafeMutableRawPointer, arena: Arena) {
    self.base = base
    self.arena = arena
  }

  var descriptor: UnsafePointer<ProtobufCMessageDescriptor> {
    #if DEBUG
      withExtendedLifetime(arena) {}
    #endif
    return base.load(as: UnsafePointer<ProtobufCMessageDescriptor>.self)
  }

  func field(_ index: Int) -> UnsafePointer<ProtobufCFieldDescriptor> {
    descriptor.pointee.fields + index
  }

  func storage(_ field: UnsafePointer<ProtobufCFieldDescriptor>) -> UnsafeMutableRawPointer {
    base + Int(field.pointee.offset)
  }

  /// The wire bytes.
  var packed: [UInt8] {
    let message = base.assumingMemoryBound(to: ProtobufCMessage.self)
    let size = protobuf_c_message_get_packed_size(message)
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = protobuf_c_message_pack(message, buffer.baseAddress)
    }
  }

  /// The number of wire bytes.
  var packedSize: Int {
    protobuf_c_message_get_packed_size(base.assumingMemoryBound(to: ProtobufCMessage.self))
  }

  /// Writes the wire bytes to `target`, which has room for ``packedSize``.
  func pack(into target: UnsafeMutableRawPointer) {
    _ = protobuf_c_message_pack(
      base.assumingMemoryBound(to: ProtobufCMessage.self),
      target.assumingMemoryBound(to: UInt8.self))
  }
}
