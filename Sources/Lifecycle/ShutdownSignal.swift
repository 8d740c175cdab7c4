// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Tells one service that it shall stop; once requested it stays so.
public final class ShutdownSignal: Sendable {
  private struct State {
    var isRequested = false
    var nextID = 0
    var handlers: [Int: @Sendable () -> Void] = [:]
  }

  private let state = Mutex(State())

  /// A signal that has not been given.
  public init() {}

  /// Whether the service shall stop.
  public var isRequested: Bool { state.withLock { $0.isRequested } }

  /// Asks the service to stop; the handlers run on the calling thread.
  public func request() {
    let handlers = state.withLock { state in
      state.isRequested = true
      defer { state.handlers = [:] }
      return state.handlers.sorted { $0.key < $1.key }.map(\.value)
    }
    for handler in handlers { handler() }
  }

  /// Calls `handler` once when the signal is given, at once if it has been.
  public func onRequest(_ handler: @escaping @Sendable () -> Void) {
    if add(handler) == nil { handler() }
  }

  /// Waits until the signal is given or the calling task is cancelled.
  public func wait() async {
    let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
    let id = add { continuation.finish() }
    guard let id else { return }
    for await _ in stream {}
    state.withLock { _ = $0.handlers.removeValue(forKey: id) }
  }

  /// The number under which the handler waits; nil if the signal was given already.
  private func add(_ handler: @escaping @Sendable () -> Void) -> Int? {
    state.withLock { state in
      guard !state.isRequested else { return nil }
      state.nextID += 1
      state.handlers[state.nextID] = handler
      return state.nextID
    }
  }
}
