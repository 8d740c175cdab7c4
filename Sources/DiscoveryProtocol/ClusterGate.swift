// SPDX-License-Identifier: Apache-2.0

/// Clusters that were sent but not answered: what uses them waits, for a bounded time.
struct ClusterGate: Sendable {
  private var waiting: [String: Wait] = [:]

  private struct Wait: Sendable {
    var nonce: String
    var until: Duration
  }

  var isEmpty: Bool { waiting.isEmpty }

  /// When the first wait ends.
  var firstDeadline: Duration? { waiting.values.map(\.until).min() }

  func contains(_ cluster: String) -> Bool { waiting[cluster] != nil }

  /// Clusters that a response brought for the first time; a running wait is not prolonged.
  mutating func add(_ clusters: [String], nonce: String, until: Duration) {
    for cluster in clusters where waiting[cluster] == nil {
      waiting[cluster] = Wait(nonce: nonce, until: until)
    }
  }

  /// The client answered these responses.
  ///
  /// Returns whether a wait ended.
  mutating func release(nonces: Set<String>) -> Bool {
    remove { nonces.contains($0.nonce) }
  }

  /// Time passed.
  ///
  /// Returns whether a wait ended.
  mutating func expire(at now: Duration) -> Bool {
    remove { $0.until <= now }
  }

  private mutating func remove(_ ends: (Wait) -> Bool) -> Bool {
    let before = waiting.count
    waiting = waiting.filter { !ends($0.value) }
    return waiting.count < before
  }
}
