// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The alarms of all streams: one sleeper for them all, so that a stream can wait for what comes
/// first, a message or a time, without a task for the time.
final class Alarms: Sendable {
  private struct Alarm: Sendable {
    var time: ContinuousClock.Instant
    weak var mailbox: Mailbox?
  }

  private struct State {
    var alarms = Heap<Alarm> { $0.time < $1.time }
    var sleeper: Task<Void, Never>?
  }

  private let state = Mutex(State())

  deinit { state.withLock { $0.sleeper }?.cancel() }

  /// Has a mailbox rung at a time, unless it is gone by then.
  func set(_ time: ContinuousClock.Instant, for mailbox: Mailbox) {
    state.withLock { state in
      let isFirst = state.alarms.first.map { time < $0.time } ?? true
      state.alarms.push(Alarm(time: time, mailbox: mailbox))
      if isFirst { sleep(until: time, &state) }
    }
  }

  private func sleep(until time: ContinuousClock.Instant, _ state: inout State) {
    state.sleeper?.cancel()
    state.sleeper = Task { [weak self] in
      guard (try? await ContinuousClock().sleep(until: time)) != nil else { return }
      self?.ring()
    }
  }

  /// Rings all mailboxes whose time has come.
  private func ring() {
    let due = state.withLock { state in
      var due: [Mailbox] = []
      let now = ContinuousClock.now
      while let first = state.alarms.first, first.time <= now {
        _ = state.alarms.pop()
        if let mailbox = first.mailbox { due.append(mailbox) }
      }
      if let next = state.alarms.first?.time { sleep(until: next, &state) }
      return due
    }
    for mailbox in due { mailbox.ring() }
  }
}
