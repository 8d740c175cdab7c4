// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A value that arrives once, and the tasks that wait for it.
///
/// Any thread may call. The first value stays; later ones are ignored.
final class OneShot<Value: Sendable>: Sendable {
  private struct State {
    var value: Value?
    var waiters: [Int: CheckedContinuation<Value?, Never>] = [:]
    var next = 0
  }

  private let state = Mutex(State())

  /// The value, where it has arrived.
  var current: Value? { state.withLock { $0.value } }

  /// Sets the value and wakes all that wait; false where there was a value already.
  @discardableResult
  func fulfil(_ value: Value) -> Bool {
    let waiters = state.withLock { state -> [CheckedContinuation<Value?, Never>]? in
      guard state.value == nil else { return nil }
      state.value = value
      defer { state.waiters = [:] }
      return Array(state.waiters.values)
    }
    for waiter in waiters ?? [] { waiter.resume(returning: value) }
    return waiters != nil
  }

  /// The value, when it arrives; `nil` when the task is cancelled before.
  func waitUnlessCancelled() async -> Value? {
    let id = newWaiter()
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        install(continuation, id: id)
        if Task.isCancelled { abandon(id) }
      }
    } onCancel: {
      abandon(id)
    }
  }

  /// The value, when it arrives, even in a cancelled task.
  func wait() async -> Value {
    while true {
      let id = newWaiter()
      if let value = await withCheckedContinuation({ install($0, id: id) }) { return value }
    }
  }

  private func newWaiter() -> Int {
    state.withLock { state in
      state.next += 1
      return state.next
    }
  }

  private func install(_ continuation: CheckedContinuation<Value?, Never>, id: Int) {
    let value = state.withLock { state -> Value? in
      if state.value == nil { state.waiters[id] = continuation }
      return state.value
    }
    if let value { continuation.resume(returning: value) }
  }

  private func abandon(_ id: Int) {
    state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: nil)
  }
}
