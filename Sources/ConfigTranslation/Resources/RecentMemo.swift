// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Remembers what was gathered for a subject from tables that change: of each subject the latest
/// results alone, as those of tables that are no more are never asked for again.
///
/// As in ``Memo``, an equal key means an equal result at any snapshot.
final class RecentMemo<Subject: Hashable & Sendable, Key: Equatable & Sendable, Value: Sendable>:
  Sendable
{
  /// The results of a subject, the latest first.
  private struct Results: Sendable {
    var latest: [(key: Key, value: Value)] = []
  }

  /// How many results of a subject are kept: two snapshots are in use at a time, and
  /// proxies of a class may see different services.
  private static var variants: Int { 4 }
  private let subjects: Memo<Subject, Shared>

  private final class Shared: Sendable {
    let results = Mutex(Results())
  }

  /// A memo of at most twice `limit` subjects.
  init(limit: Int) { subjects = Memo(limit: limit) }

  /// The value of a key, made if it is not known; `make` sees nothing that the two do not say.
  func value(_ subject: Subject, _ key: Key, _ make: () -> Value) -> Value {
    let shared = subjects.value(subject) { Shared() }
    let known = shared.results.withLock { results in
      results.latest.first { $0.key == key }?.value
    }
    if let known { return known }
    let made = make()
    return shared.results.withLock { results in
      if let known = results.latest.first(where: { $0.key == key })?.value { return known }
      results.latest = [(key, made)] + results.latest.prefix(Self.variants - 1)
      return made
    }
  }
}
