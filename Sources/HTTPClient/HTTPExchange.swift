// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A request under way and its response, for one reader.
///
/// The network's thread writes; when more than a few megabytes wait to be read, the server is made
/// to wait.
public final class HTTPExchange: Sendable {
  private struct State {
    var head: HTTPResponseHead?
    var chunks: [[UInt8]] = []
    var first = 0
    var waiting = 0
    var isPaused = false
    var isCancelled = false
    var end: HTTPClientError??
    var reader: CheckedContinuation<Void, Never>?
  }

  /// How many bytes may wait for the reader.
  static let capacity = 4 * 1024 * 1024

  let id: UInt64
  private let loop: ClientLoop
  private let state = Mutex(State())

  init(id: UInt64, loop: ClientLoop) {
    self.id = id
    self.loop = loop
  }

  deinit { loop.post(.cancel(id)) }

  // MARK: The reader

  /// Waits for the status and the header fields.
  ///
  /// - Throws: Why there is no response; `cancelled` if the task was.
  public func head() async throws(HTTPClientError) -> HTTPResponseHead {
    while true {
      let (head, end) = state.withLock { ($0.head, $0.end) }
      if let head { return head }
      if let end { throw end ?? HTTPExchange.empty }
      await change { $0.head != nil || $0.end != nil }
    }
  }

  /// Waits for more of the body; nil at its end.
  ///
  /// - Throws: Why the body is not whole; `cancelled` if the task was.
  public func next() async throws(HTTPClientError) -> [UInt8]? {
    while true {
      let (chunk, resumes, end) = take()
      if resumes { loop.post(.resume(id)) }
      if let chunk { return chunk }
      if let end {
        if let error = end { throw error }
        return nil
      }
      await change { $0.first < $0.chunks.count || $0.end != nil }
    }
  }

  /// Waits for the whole body.
  ///
  /// - Throws: Why it is not whole, or that it has more than `limit` bytes.
  public func body(limit: Int = 512 * 1024 * 1024) async throws(HTTPClientError) -> [UInt8] {
    var whole: [UInt8] = []
    while let chunk = try await next() {
      guard whole.count + chunk.count <= limit else {
        cancel()
        throw HTTPClientError(kind: .invalid, description: "the body has over \(limit) bytes")
      }
      if whole.isEmpty { whole = chunk } else { whole += chunk }
    }
    return whole
  }

  /// Ends the exchange; the reader gets `cancelled`.
  public func cancel() {
    finish(HTTPClientError(kind: .cancelled, description: "the request was cancelled"))
    loop.post(.cancel(id))
  }

  private func take() -> (chunk: [UInt8]?, resumes: Bool, end: HTTPClientError??) {
    state.withLock { state in
      guard state.first < state.chunks.count else { return (nil, false, state.end) }
      let chunk = state.chunks[state.first]
      state.chunks[state.first] = []
      state.first += 1
      state.waiting -= chunk.count
      if state.first == state.chunks.count { (state.chunks, state.first) = ([], 0) }
      let resumes = state.isPaused && state.waiting < HTTPExchange.capacity / 2
      if resumes { state.isPaused = false }
      return (chunk, resumes, nil)
    }
  }

  private func change(_ isThere: @Sendable @escaping (borrowing State) -> Bool) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { reader in
        let resumesNow = state.withLock { state in
          if isThere(state) { return true }
          state.reader = reader
          return false
        }
        if resumesNow { reader.resume() }
      }
    } onCancel: {
      cancel()
    }
  }

  private static let empty = HTTPClientError(
    kind: .interrupted, description: "the server answered nothing")

  // MARK: The network's thread

  func begin(_ head: HTTPResponseHead) { write { $0.head = head } }

  /// Adds to the body; false where the reader has enough for now, and the bytes must come again.
  func append(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    write { state in
      if state.waiting >= HTTPExchange.capacity {
        state.isPaused = true
        return false
      }
      // Small pieces that nobody has read yet become one.
      if let last = state.chunks.indices.last, last >= state.first,
        state.chunks[last].count + bytes.count <= 65_536
      {
        state.chunks[last].append(contentsOf: bytes)
      } else {
        state.chunks.append(Array(bytes))
      }
      state.waiting += bytes.count
      return true
    }
  }

  /// Says that nothing follows; the first end counts.
  func finish(_ error: HTTPClientError?) { write { if $0.end == nil { $0.end = .some(error) } } }

  private func write<T>(_ change: (inout State) -> sending T) -> sending T {
    let (result, reader) = state.withLock { state in
      let result = change(&state)
      let reader = state.reader
      state.reader = nil
      return (result, reader)
    }
    reader?.resume()
    return result
  }
}
