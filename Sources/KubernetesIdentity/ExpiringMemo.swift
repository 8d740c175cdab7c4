// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Values that hold until a moment; their number is bounded, and what is over is dropped first.
final class ExpiringMemo<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private struct Entry {
    var value: Value
    var end: Int64
  }

  private let entries = Mutex<[Key: Entry]>([:])
  private let limit: Int

  /// A memo of so many values at most.
  init(limit: Int) { self.limit = limit }

  /// The value of a key, where it still holds.
  func value(_ key: Key, at now: Int64) -> Value? {
    entries.withLock { entries in
      guard let entry = entries[key] else { return nil }
      guard now < entry.end else {
        entries[key] = nil
        return nil
      }
      return entry.value
    }
  }

  /// Keeps a value for as long as it holds.
  ///
  /// Where there is no room, those that end first make some.
  func keep(_ value: Value, for key: Key, until end: Int64) {
    entries.withLock { entries in
      if entries.count >= limit, entries[key] == nil {
        let ends = entries.values.map(\.end).sorted()
        let middle = ends[ends.count / 2]
        entries = entries.filter { $0.value.end > middle }
      }
      entries[key] = Entry(value: value, end: end)
    }
  }

  /// How many values are kept.
  var count: Int { entries.withLock { $0.count } }
}
