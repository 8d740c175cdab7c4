// SPDX-License-Identifier: Apache-2.0

public import KubernetesClient

/// One who keeps objects of the cluster as they should be, while it leads.
public protocol ClusterWriter: Sendable {
  /// What it writes, for operators and metrics.
  var name: String { get }
  /// The names of what differs from what it should be, in the order in which to write.
  func due() -> [String]
  /// Looks at one of these anew, and writes it if it still differs.
  ///
  /// - Parameter deadline: When the right to write may end: nothing is sent after it.
  /// - Returns: Whether something was written.
  func write(
    _ name: String, by deadline: ContinuousClock.Instant
  ) async throws(KubernetesRequestError) -> Bool
  /// Follows what it needs to know, until the task is cancelled; `notify` says that `due` may differ.
  func follow(_ notify: @escaping @Sendable () -> Void) async
}

/// Which writes failed, and when they are tried again: a value without clock.
struct WriteRetries {
  private struct Failure {
    var next: Duration
    var wait: Duration
  }

  private var failures: [String: Failure] = [:]

  private static let first = Duration.milliseconds(500)
  private static let longest = Duration.seconds(60)

  /// The time of the next try; nil where none is planned.
  var deadline: Duration? { failures.values.map(\.next).min() }

  /// Whether a name may be tried now.
  func isDue(_ name: String, at now: Duration) -> Bool {
    failures[name].map { $0.next <= now } ?? true
  }

  /// Takes note of a failure; chance blurs the wait.
  mutating func failed(_ name: String, at now: Duration, chance: Double) {
    let wait = failures[name].map { min($0.wait * 2, WriteRetries.longest) } ?? WriteRetries.first
    failures[name] = Failure(next: now + wait * (1 + 0.2 * chance), wait: wait)
  }

  /// Forgets the failures of a name.
  mutating func succeeded(_ name: String) { failures[name] = nil }

  /// Forgets all names that are not due any more.
  mutating func keep(_ names: Set<String>) {
    failures = failures.filter { names.contains($0.key) }
  }
}
