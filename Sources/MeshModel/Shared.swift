// SPDX-License-Identifier: Apache-2.0

/// A value that many keys hold: hashed once, and mostly compared by identity.
public final class Shared<Value: Hashable & Sendable>: Hashable, Sendable {
  /// The value.
  public let value: Value
  private let hash: Int

  /// Shares a value.
  public init(_ value: Value) {
    self.value = value
    hash = value.hashValue
  }

  /// Equal when the values are.
  public static func == (left: Shared, right: Shared) -> Bool {
    left === right || left.hash == right.hash && left.value == right.value
  }

  /// Feeds the hash that was made once.
  public func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}
