// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The alarms of all streams: one sleeper for them all, so that a stream can wait for what comes
/// first, a message or a time, without a task for the time.
final class Alarms: Sendable {
  fileprivate struct Alarm: Sendable {
    var time: ContinuousClock.Instant
    weak var mailbox: Mailbox?
  }

  fileprivate struct State {
    var alarms = Heap<Alarm> { $0.time < $1.time }
    /// Who sleeps until the first alarm, and is to wake where another becomes the first.
    var sleepers: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  /// Has a mailbox rung at a time, unless it is gone by then.
  func set(_ time: ContinuousClock.Instant, for mailbox: Mailbox) {
    let woken = state.withLock { state in
      let isFirst = state.alarms.first.map { time < $0.time } ?? true
      state.alarms.push(Alarm(time: time, mailbox: mailbox))
      return isFirst ? state.takeSleepers() : []
    }
    for sleeper in woken { sleeper.resume() }
  }

  /// Rings the alarms, until the task is cancelled; several tasks may run this.
  func run() async {
    while !Task.isCancelled {
      let first = ring()
      await withTaskGroup { group in
        group.addTask { await self.waitForAnother(than: first) }
        if let first { group.addTask { try? await ContinuousClock().sleep(until: first) } }
        await group.next()
        group.cancelAll()
      }
    }
  }

  /// Returns when another alarm is the first, or the task is cancelled.
  private func waitForAnother(than first: ContinuousClock.Instant?) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let mayGoOn = state.withLock { state in
          if state.alarms.first?.time != first || Task.isCancelled { return true }
          state.sleepers.append(continuation)
          return false
        }
        if mayGoOn { continuation.resume() }
      }
    } onCancel: {
      for sleeper in state.withLock({ $0.takeSleepers() }) { sleeper.resume() }
    }
  }

  /// Rings all mailboxes whose time has come; the time of the next.
  private func ring() -> ContinuousClock.Instant? {
    let (due, next) = state.withLock { state in
      var due: [Mailbox] = []
      let now = ContinuousClock.now
      while let first = state.alarms.first, first.time <= now {
        _ = state.alarms.pop()
        if let mailbox = first.mailbox { due.append(mailbox) }
      }
      return (due, state.alarms.first?.time)
    }
    for mailbox in due { mailbox.ring() }
    return next
  }
}

extension Alarms.State {
  /// Those that sleep, who are to wake.
  fileprivate mutating func takeSleepers() -> [CheckedContinuation<Void, Never>] {
    defer { sleepers = [] }
    return sleepers
  }
}
