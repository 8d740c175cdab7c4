// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import MeshModel

/// From changes of the store to pushes: which snapshot goes to the streams, with which scope, when.
///
/// A value without IO and without a clock, so that a simulation drives it as the pipeline does.
struct PushScheduler: Sendable {
  /// The newest snapshot, and what of it streams are to be told.
  struct Push: Sendable {
    var snapshot: MeshSnapshot
    var push: PushDebouncer.Push
  }

  private var debouncer: PushDebouncer
  private var snapshot: MeshSnapshot?

  init(windows: PushDebouncer.Windows) { debouncer = PushDebouncer(windows: windows) }

  /// When to call ``tick(at:)``; nil if nothing waits for time to pass.
  var nextDeadline: Duration? { debouncer.nextDeadline }

  /// The store changed; the pushes to make now, in this order.
  mutating func take(
    _ change: StoreChange, _ snapshot: MeshSnapshot, at now: Duration
  ) -> [Push] {
    self.snapshot = snapshot
    let scope = EndpointNames.scope(of: change, in: snapshot)
    return pushes(debouncer.note(scope, at: now), at: now)
  }

  /// The store changed, but nothing is to be pushed before ``release(at:)``.
  mutating func hold(_ snapshot: MeshSnapshot) { self.snapshot = snapshot }

  /// What was held back may go; the pushes to make now.
  mutating func release(at now: Duration) -> [Push] {
    pushes(debouncer.note(.everything, at: now), at: now)
  }

  /// Time passed; the pushes to make now.
  mutating func tick(at now: Duration) -> [Push] { pushes(debouncer.tick(at: now), at: now) }

  /// Pushes are handed to streams at once, and those that waited for one follow it.
  private mutating func pushes(_ first: [PushDebouncer.Push], at now: Duration) -> [Push] {
    guard let snapshot else { return [] }
    var due = first
    var index = 0
    while index < due.count {
      due += debouncer.finished(at: now)
      index += 1
    }
    return due.map { Push(snapshot: snapshot, push: $0) }
  }
}
