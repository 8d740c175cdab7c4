// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// One direction of a call in process: holds one message, so that a writer waits for the reader.
///
/// Any task may call; one reader and one writer at a time.
final class MessagePipe: Sendable {
  private typealias Writer = CheckedContinuation<WriteOutcome, Never>

  private struct State {
    var held: GRPCMessage?
    var reading = false
    var blocked: (message: GRPCMessage, writer: Writer)?
    var end: ReadOutcome?
  }

  /// What to resume once the lock is open.
  private struct Wakeups {
    var read: ReadOutcome?
    var writer: (Writer, WriteOutcome)?
  }

  private let state = Mutex(State())
  private let slot = ReadSlot()

  /// Puts a message in; returns when there was room for it.
  func write(_ message: GRPCMessage) async -> WriteOutcome {
    await withCheckedContinuation { writer in
      wake(state.withLock { MessagePipe.put(message, writer, in: &$0) })
    }
  }

  /// Takes a message out, or the end.
  func read() async -> ReadOutcome {
    await slot.next { wake(state.withLock { MessagePipe.take(from: &$0) }) }
  }

  /// Ends the pipe after what it holds.
  func finish(_ end: ReadOutcome) {
    wake(
      state.withLock { state in
        if state.end == nil { state.end = end }
        return state.reading ? MessagePipe.take(from: &state) : Wakeups()
      })
  }

  /// Ends the pipe at once: what it holds is dropped, and who waits fails.
  func fail(_ reason: GRPCStatus) {
    wake(
      state.withLock { state in
        let blocked = state.blocked
        state.held = nil
        state.blocked = nil
        state.end = .failure(reason)
        var wakeups = state.reading ? MessagePipe.take(from: &state) : Wakeups()
        wakeups.writer = blocked.map { ($0.writer, .failure(reason)) }
        return wakeups
      })
  }

  private static func put(
    _ message: GRPCMessage, _ writer: Writer, in state: inout State
  ) -> Wakeups {
    if let end = state.end { return Wakeups(writer: (writer, refusal(end))) }
    if state.reading {
      state.reading = false
      return Wakeups(read: .success(message), writer: (writer, .success(())))
    }
    if state.held == nil {
      state.held = message
      return Wakeups(writer: (writer, .success(())))
    }
    if state.blocked != nil {
      let error = GRPCStatus(.internal, "two tasks write to one stream at a time")
      return Wakeups(writer: (writer, .failure(error)))
    }
    state.blocked = (message, writer)
    return Wakeups()
  }

  private static func take(from state: inout State) -> Wakeups {
    guard let held = state.held else {
      state.reading = state.end == nil
      return Wakeups(read: state.end)
    }
    let blocked = state.blocked
    state.held = blocked?.message
    state.blocked = nil
    return Wakeups(read: .success(held), writer: blocked.map { ($0.writer, .success(())) })
  }

  private static func refusal(_ end: ReadOutcome) -> WriteOutcome {
    if case .failure(let reason) = end { return .failure(reason) }
    return .failure(
      GRPCStatus(.failedPrecondition, "nothing can be written after the end of writing"))
  }

  private func wake(_ wakeups: Wakeups) {
    if let outcome = wakeups.read { slot.complete(outcome) }
    if let (writer, outcome) = wakeups.writer { writer.resume(returning: outcome) }
  }
}
