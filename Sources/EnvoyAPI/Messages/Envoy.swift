// SPDX-License-Identifier: Apache-2.0

/// The messages of Envoy's API v3 and of Istio's own filters that proto/face.txt lists.
///
/// A value of such a type is a handle to a message in an ``Arena``: copying it does not copy the
/// message. Optional messages are set by assigning another message of the same arena.
public enum Envoy {}

/// A message with a Swift face.
public protocol ProtobufMessage: ProtobufValue {
  /// Its descriptor.
  static var type: MessageType { get }
  /// Where it is.
  var slot: MessageSlot { get }
  /// A handle to the message in `slot`, which is of this type.
  init(slot: MessageSlot)
}

extension ProtobufMessage {
  /// A new message without any field set.
  public init(_ arena: Arena) { self.init(slot: arena.make(Self.type)) }

  /// A new message that `fill` sets fields of.
  public init(_ arena: Arena, _ fill: (Self) -> Void) {
    self.init(arena)
    fill(self)
  }

  /// The message's bytes as read from the network.
  ///
  /// - Throws: ``WireError`` for bytes that are not such a message or break ``WireLimits``.
  public init(
    unpacking bytes: UnsafeRawBufferPointer, in arena: Arena, limits: WireLimits = .standard
  ) throws(WireError) {
    self.init(slot: try arena.unpack(Self.type, bytes, limits: limits))
  }

  /// The arena in which the message lives.
  public var arena: Arena { slot.arena }

  /// A message made in the same arena, for a field of this one.
  public func make<M: ProtobufMessage>(_ type: M.Type, _ fill: (M) -> Void = { _ in }) -> M {
    M(slot.arena, fill)
  }

  /// The wire bytes.
  public var packed: [UInt8] { slot.packed }
}
