// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import MeshModel
import Synchronization

/// A snapshot on its way to one stream; a newer one takes the place of one not yet taken.
struct PendingPush: Sendable {
  var snapshot: MeshSnapshot
  var scope: PushScope
  var origin: ContinuousClock.Instant

  /// Puts a newer push in this one's place.
  mutating func merge(_ newer: PendingPush) {
    snapshot = newer.snapshot
    scope = scope.merged(with: newer.scope)
    origin = min(origin, newer.origin)
  }
}

/// What one stream has to do next, left by other tasks: any may put, one takes.
final class Mailbox: Sendable {
  /// The next thing to do.
  enum Item: Sendable {
    case request(StreamRequest)
    case push(PendingPush)
    case end
    /// Nothing is there; a deadline may be due.
    case nothing
  }

  fileprivate struct State {
    var requests: [StreamRequest] = []
    var push: PendingPush?
    var isEnded = false
    var waiter: CheckedContinuation<Void, Never>?
    var reader: CheckedContinuation<Void, Never>?
  }

  /// How many requests wait before the reader does.
  private static let capacity = 16
  private let state = Mutex(State())

  /// Leaves a request, and waits while too many are there.
  func put(_ request: StreamRequest) async {
    let isFull = wake { state in
      state.requests.append(request)
      return state.requests.count >= Mailbox.capacity
    }
    guard isFull else { return }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let mayGoOn = state.withLock { state in
          guard state.requests.count >= Mailbox.capacity, !state.isEnded, !Task.isCancelled else {
            return true
          }
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
  func put(_ push: PendingPush) {
    wake { state in
      if state.push == nil { state.push = push } else { state.push?.merge(push) }
    }
  }

  /// Asks the stream to end.
  func end() { wake { $0.isEnded = true } }

  /// Takes what comes next: the end before requests, these before a push.
  func take() -> Item {
    let (item, reader) = state.withLock { state in
      if state.isEnded { return (Item.end, state.takeReader()) }
      if !state.requests.isEmpty {
        return (.request(state.requests.removeFirst()), state.takeReader())
      }
      guard let push = state.push else { return (.nothing, nil) }
      state.push = nil
      return (.push(push), nil)
    }
    reader?.resume()
    return item
  }

  /// Waits until something is there, `deadline` has come or the task is cancelled.
  func wait(until deadline: ContinuousClock.Instant?) async {
    guard let deadline else { return await wait() }
    await withTaskGroup { group in
      group.addTask { await self.wait() }
      group.addTask { try? await ContinuousClock().sleep(until: deadline) }
      await group.next()
      group.cancelAll()
    }
  }

  private func wait() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let mayGoOn = state.withLock { state in
          guard state.isIdle, !Task.isCancelled else { return true }
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
  fileprivate var isIdle: Bool { requests.isEmpty && push == nil && !isEnded }

  /// The reader that waits for room.
  fileprivate mutating func takeReader() -> CheckedContinuation<Void, Never>? {
    defer { reader = nil }
    return reader
  }
}
