// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Remembers what was gathered for a class of proxies, by all that it was gathered from: a key that
/// holds tags of tables and views, so that an equal key means an equal result at any snapshot.
///
/// Nothing is ever invalidated. Two generations bound its size: when the younger is full it becomes
/// the older, and what was not asked for since is dropped.
public final class Memo<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private struct State {
    var young: [Key: Value] = [:]
    var old: [Key: Value] = [:]
  }

  private let state = Mutex(State())
  private let limit: Int

  /// A memo of at most twice `limit` values.
  public init(limit: Int) { self.limit = max(1, limit) }

  /// The value of a key, made if it is not known; `make` sees nothing that the key does not say.
  public func value(_ key: Key, _ make: () -> Value) -> Value {
    let known = state.withLock { state -> Value? in
      if let known = state.young[key] { return known }
      guard let known = state.old[key] else { return nil }
      insert(key, known, &state)
      return known
    }
    if let known { return known }
    let made = make()
    return state.withLock { state in
      // Of two that were made at once all share the first.
      if let known = state.young[key] { return known }
      insert(key, made, &state)
      return made
    }
  }

  private func insert(_ key: Key, _ value: Value, _ state: inout State) {
    if state.young.count >= limit {
      state.old = state.young
      state.young = [:]
    }
    state.young[key] = value
  }
}
