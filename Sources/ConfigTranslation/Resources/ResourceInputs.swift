// SPDX-License-Identifier: Apache-2.0

public import EnvoyAPI

/// All that one generated resource may depend on.
///
/// It is the cache key, and `make` sees nothing else: a stale or foreign cache hit cannot be
/// written down.
public protocol ResourceInputs: Hashable, Sendable {
  /// The message that is made.
  associatedtype Message: ProtobufMessage
  /// The kind of resource.
  static var type: ResourceType { get }
  /// The resource's name.
  var name: String { get }
  /// The resource, as a pure function of this value.
  func make(in arena: Arena) -> Message
  /// The bytes of ``make(in:)``; written otherwise where parts of them are known already.
  func encoded() -> EncodedResource
}

extension ResourceInputs {
  /// Makes the message and packs it.
  public func encoded() -> EncodedResource {
    Arena.scope { arena in
      EncodedResource(type: Self.type, name: name, message: make(in: arena))
    }
  }
}
