// SPDX-License-Identifier: Apache-2.0

/// One call as the client sees it, over a socket or in process.
///
/// Cancelling a task that reads, writes or waits here cancels the call; so does dropping the
/// stream before its end.
public struct GRPCClientStream: Sendable {
  let backend: any ClientCallBackend

  /// Sends a message, and returns when the transport has accepted it; one writer at a time.
  public func write(_ message: GRPCMessage) async throws(GRPCStatus) {
    try await backend.write(message).get()
  }

  /// Says that no more messages follow (half-close).
  public func finishWriting() async throws(GRPCStatus) {
    try await backend.finishWriting().get()
  }

  /// The server's messages; ends where the status is OK, and throws it where it is not.
  public var responses: GRPCResponseSequence { GRPCResponseSequence(reader: backend) }

  /// The call's status, when it has ended; all messages must be read for that.
  public var status: GRPCStatus {
    get async { await backend.status() }
  }

  /// Cancels the call; harmless where it has ended.
  public func cancel() { backend.cancel() }
}

/// The client's side of a call, over whatever transport.
protocol ClientCallBackend: MessageReader {
  func write(_ message: GRPCMessage) async -> WriteOutcome
  func finishWriting() async -> WriteOutcome
  func status() async -> GRPCStatus
  func cancel()
}

/// Something that makes calls: a ``GRPCChannel``, or an ``InProcessTransport``.
public protocol GRPCClient: Sendable {
  /// Begins a call.
  ///
  /// - Parameters:
  ///   - path: The method's path, `/package.Service/Method`.
  ///   - metadata: The client's headers.
  ///   - deadline: When the call ends with `deadlineExceeded`; `nil` is never.
  func stream(
    _ path: String, metadata: GRPCMetadata, deadline: ContinuousClock.Instant?
  ) -> GRPCClientStream
}

extension GRPCClient {
  /// Begins a call without headers and deadline.
  public func stream(_ path: String) -> GRPCClientStream {
    stream(path, metadata: GRPCMetadata(), deadline: nil)
  }

  /// Begins a call without a deadline.
  public func stream(_ path: String, metadata: GRPCMetadata) -> GRPCClientStream {
    stream(path, metadata: metadata, deadline: nil)
  }

  /// One request, one reply.
  ///
  /// - Throws: The call's status where it is not OK.
  public func unary(
    _ path: String, _ request: GRPCMessage, metadata: GRPCMetadata = GRPCMetadata(),
    deadline: ContinuousClock.Instant? = nil
  ) async throws(GRPCStatus) -> GRPCMessage {
    let call = stream(path, metadata: metadata, deadline: deadline)
    // A write that fails ends the call: the reason is in its status, which the read throws.
    if case .success = await call.backend.write(request) {
      _ = await call.backend.finishWriting()
    }
    var reply: GRPCMessage?
    var responses = call.responses.makeAsyncIterator()
    while let message = try await responses.next() { reply = message }
    guard let reply else { throw GRPCStatus(.internal, "\(path) ended without a reply") }
    return reply
  }
}
