// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Remembers objects for as long as somebody has them: what all clients share, and what goes with the
/// last of them.
///
/// As in ``Memo``, an equal key means an equal result at any snapshot. Keys are dropped some time
/// after their objects: there are at most about twice as many as living ones.
public final class WeakMemo<Key: Hashable & Sendable, Value: AnyObject & Sendable>: Sendable {
  private struct Entry {
    weak var value: Value?
  }

  private struct State {
    var known: [Key: Entry] = [:]
    /// The number of entries at which those are dropped whose objects are gone.
    var limit = 64

    mutating func insert(_ value: Value, for key: Key) {
      if known.count >= limit {
        known = known.filter { $0.value.value != nil }
        limit = max(64, known.count * 2)
      }
      known[key] = Entry(value: value)
    }
  }

  private let state = Mutex(State())

  /// An empty memo.
  public init() {}

  /// The object of a key, made if nobody has it; `make` sees nothing that the key does not say.
  public func value(_ key: Key, _ make: () -> Value) -> Value {
    if let known = known(key) { return known }
    let made = make()
    return state.withLock { state in
      // Of two that were made at once all share the first.
      if let known = state.known[key]?.value { return known }
      state.insert(made, for: key)
      return made
    }
  }

  /// How many keys are remembered, those of objects that are gone among them.
  var keyCount: Int { state.withLock { $0.known.count } }

  /// The object of a key, if somebody has it.
  public func known(_ key: Key) -> Value? { state.withLock { $0.known[key]?.value } }
}
