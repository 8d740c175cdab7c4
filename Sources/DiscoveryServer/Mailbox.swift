// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import MeshModel
import Synchronization

/// The inbox of one stream, left things by other tasks: any may put, one takes.
final class Mailbox: Sendable {
  fileprivate struct State {
    var inbox = StreamInbox()
    var waiter: CheckedContinuation<Void, Never>?
    var reader: CheckedContinuation<Void, Never>?
    /// The times at which the mailbox is rung, the earliest last.
    var alarms: [ContinuousClock.Instant] = []
  }

  /// How many requests wait before the reader does.
  private static let capacity = 16
  private let state = Mutex(State())
  private let alarms: Alarms

  /// An empty mailbox, which those alarms ring.
  init(_ alarms: Alarms) { self.alarms = alarms }

  /// Leaves a request, and waits while too many are there.
  func put(_ request: StreamRequest) async {
    let isFull = wake { state in
      state.inbox.put(request)
      return state.isFull
    }
    guard isFull else { return }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let mayGoOn = state.withLock { state in
          guard state.isFull, state.inbox.endsAt == nil, !Task.isCancelled else { return true }
          state.reader = continuation
          return false
        }
        if mayGoOn { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.takeReader() }?.resume()
    }
  }

  /// Leaves a snapshot.
  func put(_ push: PendingPush) { wake { $0.inbox.put(push) } }

  /// Asks the stream to end at a time.
  func end(at time: ContinuousClock.Instant) { wake { $0.inbox.end(at: time) } }

  /// Takes what comes next.
  func take() -> StreamInbox.Item {
    let (item, reader) = state.withLock { state in
      let item = state.inbox.take(at: .now)
      switch item {
      case .end, .request: return (item, state.takeReader())
      case .push, .nothing: return (item, nil)
      }
    }
    reader?.resume()
    return item
  }

  /// Whether anything is there to take, whether endpoints are, and whether a request for secrets is
  /// the next of the requests.
  var contents: (isEmpty: Bool, hasEndpoints: Bool, asksForSecrets: Bool) {
    state.withLock { state in
      let isOver = state.inbox.endsAt.map { $0 <= .now } ?? false
      return (
        state.inbox.isEmpty && !isOver, state.inbox.hasEndpoints,
        state.inbox.requests.first?.type == .secret
      )
    }
  }

  /// Whether requests are there.
  var hasRequests: Bool { state.withLock { !$0.inbox.requests.isEmpty } }

  /// Waits until something is there, `deadline` or the end has come, or the task is cancelled.
  ///
  /// May also return before: an alarm that was set for an earlier wait rings all the same.
  func wait(until deadline: ContinuousClock.Instant?) async {
    let (end, due) = state.withLock { state in
      (state.inbox.endsAt, [deadline, state.inbox.endsAt].compactMap(\.self).min())
    }
    if let due, state.withLock({ $0.needsAlarm(at: due) }) { alarms.set(due, for: self) }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let mayGoOn = state.withLock { state in
          guard !state.hasRung(at: due), state.inbox.isEmpty, state.inbox.endsAt == end,
            !Task.isCancelled
          else { return true }
          state.waiter = continuation
          return false
        }
        if mayGoOn { continuation.resume() }
      }
    } onCancel: {
      state.withLock { state in
        defer { state.waiter = nil }
        return state.waiter
      }?.resume()
    }
  }

  /// A time has come that someone wanted to wait for.
  func ring() {
    wake { state in
      while let alarm = state.alarms.last, alarm <= .now { state.alarms.removeLast() }
    }
  }

  @discardableResult
  private func wake<R: Sendable>(_ change: @Sendable (inout sending State) -> R) -> R {
    let (result, waiter) = state.withLock { state in
      let result = change(&state)
      defer { state.waiter = nil }
      return (result, state.waiter)
    }
    waiter?.resume()
    return result
  }
}

extension Mailbox.State {
  fileprivate var isFull: Bool { inbox.requests.count >= Mailbox.capacity }

  /// Whether an alarm is to be set, as none rings by then; from now on one does.
  fileprivate mutating func needsAlarm(at due: ContinuousClock.Instant) -> Bool {
    if let alarm = alarms.last, alarm <= due { return false }
    alarms.append(due)
    return true
  }

  /// Whether the alarm for a time has rung already.
  fileprivate func hasRung(at due: ContinuousClock.Instant?) -> Bool {
    guard let due else { return false }
    return alarms.last.map { $0 > due } ?? true
  }

  /// The reader that waits for room.
  fileprivate mutating func takeReader() -> CheckedContinuation<Void, Never>? {
    defer { reader = nil }
    return reader
  }
}
