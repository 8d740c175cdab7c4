// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The turns of all streams: as many work at a time as there are processors.
///
/// A turn is computing alone: nobody writes to a client in it.
final class Turns: Sendable {
  private struct State {
    var queue: TurnQueue
    var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
  }

  /// How urgent a stream's next work is, as how long it would like to wait at most.
  ///
  /// What is below zero was due before now, and so precedes what others have waited for as long.
  enum Urgency {
    /// Endpoints changed: nothing goes before them.
    case endpoints
    /// A stream that has been answered about so many types goes on: the more, the sooner it is
    /// done.
    case underWay(answered: Int)
    /// Configuration changed.
    case configuration
    /// A stream that begins.
    case first

    var patience: Duration {
      switch self {
      case .endpoints: .seconds(-60)
      case .underWay(let answered): .seconds(-1 - min(answered, 20))
      case .configuration: .zero
      case .first: .seconds(2)
      }
    }
  }

  private let state: Mutex<State>
  private let start = ContinuousClock.now

  /// Turns for this many at a time.
  init(places: Int) { state = Mutex(State(queue: TurnQueue(places: places))) }

  /// Waits for a stream's turn, which ``give()`` ends.
  func take(_ stream: Int, _ urgency: Urgency) async {
    if state.withLock({ $0.queue.takeFree() }) {
      // Who has work too, and is to be asked for its urgency yet, stands behind this task.
      if case .endpoints = urgency { return }
      return await Task.yield()
    }
    let due = due(urgency)
    await withCheckedContinuation { continuation in
      let begins = state.withLock { state in
        if state.queue.ask(stream, due: due) { return true }
        state.waiters[stream] = continuation
        return false
      }
      if begins { continuation.resume() }
    }
  }

  /// Endpoints came for a stream that may be waiting for its turn.
  func hasten(_ stream: Int) {
    let due = due(.endpoints)
    state.withLock { $0.queue.hasten(stream, due: due) }
  }

  /// Ends a turn.
  func give() {
    state.withLock { state in
      state.queue.give().flatMap { state.waiters.removeValue(forKey: $0) }
    }?.resume()
  }

  private func due(_ urgency: Urgency) -> Duration {
    ContinuousClock.now - start + urgency.patience
  }
}
