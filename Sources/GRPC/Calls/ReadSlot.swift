// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The one read of a call that may be under way, and who waits for it.
///
/// A reader whose task is cancelled goes away at once; the message that arrives later is kept for
/// the next reader, so that none is lost and at most one is ahead. Any thread may call.
final class ReadSlot: Sendable {
  private typealias Waiter = CheckedContinuation<ReadOutcome, Never>

  /// Idle → reading → idle; a reader that goes away leaves `reading(nil)`, then `ready`.
  private enum State {
    case idle
    case reading(Waiter?)
    case ready(ReadOutcome)
  }

  private enum Step {
    case start
    case wait
    case give(ReadOutcome)
  }

  private let state = Mutex(State.idle)

  /// The next outcome; `start` begins a read, whose end must reach ``complete(_:)``.
  func next(start: () -> Void) async -> ReadOutcome {
    await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        switch install(waiter) {
        case .start: start()
        case .wait: break
        case .give(let outcome): waiter.resume(returning: outcome)
        }
        if Task.isCancelled { abandon() }
      }
    } onCancel: {
      abandon()
    }
  }

  /// The read's end.
  func complete(_ outcome: ReadOutcome) {
    let waiter = state.withLock { state -> Waiter? in
      guard case .reading(let waiter) = state else { return nil }
      state = waiter == nil ? .ready(outcome) : .idle
      return waiter
    }
    waiter?.resume(returning: outcome)
  }

  private func install(_ waiter: Waiter) -> Step {
    state.withLock { state in
      switch state {
      case .idle:
        state = .reading(waiter)
        return .start
      case .reading(nil):
        state = .reading(waiter)
        return .wait
      case .reading:
        return .give(.failure(GRPCStatus(.internal, "two tasks read one stream at a time")))
      case .ready(let outcome):
        state = .idle
        return .give(outcome)
      }
    }
  }

  private func abandon() {
    let waiter = state.withLock { state -> Waiter? in
      guard case .reading(let waiter) = state else { return nil }
      state = .reading(nil)
      return waiter
    }
    waiter?.resume(returning: .failure(GRPCStatus(.cancelled, "the reading task was cancelled")))
  }
}
