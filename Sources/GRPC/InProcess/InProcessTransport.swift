// SPDX-License-Identifier: Apache-2.0
//
// Owner: whoever made the transport; `run()` retains it. Threads: any. Freed: with the last owner.

/// A client and a server in one process, without sockets: the same handlers, for tests and tools.
///
/// Calls wait until ``run()`` takes them.
public final class InProcessTransport: GRPCClient {
  private let methods: MethodTable
  private let calls: AsyncStream<InProcessArrival>
  private let arrival: AsyncStream<InProcessArrival>.Continuation

  /// A transport to some methods.
  public init(methods: [GRPCMethod]) {
    self.methods = MethodTable(methods)
    (calls, arrival) = AsyncStream.makeStream()
  }

  deinit { arrival.finish() }

  /// Begins a call.
  public func stream(
    _ path: String, metadata: GRPCMetadata, deadline: ContinuousClock.Instant?
  ) -> GRPCClientStream {
    let caller = Caller(
      method: path, peer: "inproc:", metadata: metadata, deadline: deadline,
      peerCertificatePEM: nil)
    let call = InProcessCall(caller)
    arrival.yield(InProcessArrival(call))
    return GRPCClientStream(backend: InProcessClientCall(call))
  }

  /// Serves until ``shutDown()`` and the last call's end; a cancelled task ends all calls.
  public func run() async {
    await withDiscardingTaskGroup { group in
      for await arrival in calls {
        group.addTask {
          await self.serve(arrival.call)
          withExtendedLifetime(arrival) {}
        }
      }
      arrival.finish()
    }
  }

  /// Refuses new calls; those under way go on.
  ///
  /// May be called from any thread and more than once.
  public func shutDown() { arrival.finish() }

  private func serve(_ call: InProcessCall) async {
    await withTaskGroup { group in
      if let deadline = call.caller.deadline {
        group.addTask {
          guard (try? await ContinuousClock().sleep(until: deadline)) != nil else { return }
          call.end(GRPCStatus(.deadlineExceeded, "the deadline passed"))
        }
      }
      await methods.serve(call)
      group.cancelAll()
    }
  }
}

/// A call on its way to the handler: one that nobody takes ends with `unavailable`.
private final class InProcessArrival: Sendable {
  let call: InProcessCall

  init(_ call: InProcessCall) { self.call = call }

  deinit { call.end(GRPCStatus(.unavailable, "the server is shut down")) }
}

/// A call in process: two pipes and a status.
///
/// Retained by the server's side and the client's.
final class InProcessCall: ServerCallBackend {
  let caller: Caller
  let closed = OneShot<Bool>()
  let status = OneShot<GRPCStatus>()
  let requests = MessagePipe()
  let responses = MessagePipe()

  init(_ caller: Caller) { self.caller = caller }

  func read() async -> ReadOutcome { await requests.read() }

  func write(_ message: GRPCMessage) async -> WriteOutcome {
    await withTaskCancellationHandler {
      await responses.write(message)
    } onCancel: {
      end(GRPCStatus(.cancelled, "the call was cancelled"))
    }
  }

  func finish(_ end: CallEnd) async {
    if let message = end.message, case .failure = await write(message) { return }
    let status = end.status
    guard self.status.fulfil(status) else { return }
    closed.fulfil(false)
    requests.fail(GRPCStatus(.cancelled, "the call has ended"))
    responses.finish(status.isOK ? .success(nil) : .failure(status))
  }

  /// Cuts the call short.
  func end(_ reason: GRPCStatus) {
    guard status.fulfil(reason) else { return }
    closed.fulfil(true)
    requests.fail(reason)
    responses.fail(reason)
  }
}

/// The client's side; dropping it cancels the call.
private final class InProcessClientCall: ClientCallBackend {
  private let call: InProcessCall

  init(_ call: InProcessCall) { self.call = call }

  deinit { cancel() }

  func read() async -> ReadOutcome { await cancelling { await call.responses.read() } }

  func write(_ message: GRPCMessage) async -> WriteOutcome {
    await cancelling { await call.requests.write(message) }
  }

  func finishWriting() async -> WriteOutcome {
    call.requests.finish(.success(nil))
    return .success(())
  }

  func status() async -> GRPCStatus { await cancelling { await call.status.wait() } }

  func cancel() { call.end(GRPCStatus(.cancelled, "the call was cancelled")) }

  private func cancelling<R>(_ body: () async -> R) async -> R {
    await withTaskCancellationHandler(operation: body) { cancel() }
  }
}
