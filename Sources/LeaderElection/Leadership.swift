// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Whether, and until when, this process may write what only one process writes: the fence.
///
/// It falls by itself at the renew deadline, whatever the candidates' tasks are doing, so that a
/// process that was stopped for a while does not write when it goes on.
public final class Leadership: Sendable {
  private let ends: Mutex<[ContinuousClock.Instant?]>

  /// A leadership that takes `locks` locks, none of which is held.
  public init(locks: Int) { ends = Mutex(Array(repeating: nil, count: locks)) }

  /// Until when writes may be sent: the earliest end of all locks; nil where one is not held.
  public var end: ContinuousClock.Instant? {
    ends.withLock { ends in
      var earliest: ContinuousClock.Instant?
      for end in ends {
        guard let end else { return nil }
        earliest = earliest.map { min($0, end) } ?? end
      }
      // Without locks nobody else writes.
      let result = earliest ?? .now + .seconds(3600)
      return result > .now ? result : nil
    }
  }

  /// Whether writes may be sent now.
  public var isHeld: Bool { end != nil }

  func set(_ end: ContinuousClock.Instant?, of lock: Int) {
    ends.withLock { $0[lock] = end }
  }
}
