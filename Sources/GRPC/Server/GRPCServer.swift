// SPDX-License-Identifier: Apache-2.0
//
// Owner: whoever made the server; `run()` retains it. Threads: any. Freed: see `ServerHandle`.

import Synchronization

/// A gRPC server: listens, runs its methods' handlers, and shuts down in order.
///
/// Make it, listen on one or more addresses, then `run()` until it is shut down.
public final class GRPCServer: Sendable {
  private enum Phase { case listening, serving, stopping }

  /// A new call, and the queue that it came by.
  private struct Arrival: Sendable {
    var call: ServerCall
    var queue: CompletionQueue
  }

  private let handle: ServerHandle
  private let methods: MethodTable
  private let phase = Mutex(Phase.listening)
  private let stop = OneShot<ContinuousClock.Instant>()
  private let active = Atomic(0)

  /// The number of requests for calls that wait in core, a queue.
  private static let requestsPerQueue = 16

  /// A server of some methods that does not listen yet.
  public init(
    configuration: GRPCServerConfiguration = .init(), methods: [GRPCMethod]
  ) throws(GRPCSetupError) {
    handle = try ServerHandle(configuration)
    self.methods = MethodTable(methods)
  }

  /// The number of calls whose handlers run now.
  public var activeStreams: Int { active.load(ordering: .relaxed) }

  /// Binds an address, to be served by ``run()``.
  ///
  /// - Parameters:
  ///   - address: `host:port` (port 0: any free one; an empty host: all addresses) or `unix:path`.
  ///   - credentials: Plaintext, or TLS.
  /// - Returns: The port; 1 for a Unix socket.
  /// - Throws: An error that names the address and the reason.
  @discardableResult
  public func listen(
    _ address: String, credentials: GRPCServerCredentials = .plaintext
  ) throws(GRPCSetupError) -> Int {
    guard phase.withLock({ $0 == .listening }) else {
      throw GRPCSetupError("cannot listen on \(address): the server runs already or was shut down")
    }
    let target = address.hasPrefix(":") ? "[::]" + address : address
    let port = try withServerCredentials(credentials) { handle.bind(target, $0) }
    guard port > 0 else { throw ListenFailure.explain(address, credentials) }
    return port
  }

  /// Serves until the server is shut down and the last call has ended.
  ///
  /// Handlers run as child tasks. A cancelled task shuts the server down at once.
  public func run() async throws(GRPCSetupError) {
    let calls = AsyncStream.makeStream(of: Arrival.self)
    try begin(calls.continuation)
    let handle = handle
    await withTaskCancellationHandler {
      await withDiscardingTaskGroup { group in
        group.addTask { await self.enforceStop() }
        group.addTask {
          await handle.drained.wait()
          calls.continuation.finish()
        }
        for await arrival in calls.stream {
          arm(calls.continuation, arrival.queue)
          group.addTask(executorPreference: arrival.queue.executor) {
            await self.serve(arrival.call)
          }
        }
      }
    } onCancel: {
      shutDownGracefully(within: .zero)
    }
  }

  /// Stops accepting, asks clients to go elsewhere, and cancels the calls left after `grace`.
  ///
  /// Returns at once; ``run()`` returns when all has ended. May be called from any thread and
  /// more than once: the first grace counts, except that a zero one cancels all calls at once.
  public func shutDownGracefully(within grace: Duration) {
    phase.withLock { $0 = .stopping }
    handle.beginShutdown()
    stop.fulfil(.now + grace)
    if grace <= .zero { handle.cancelAllCalls() }
  }

  /// Starts to serve, unless it was shut down before.
  private func begin(
    _ calls: AsyncStream<Arrival>.Continuation
  ) throws(GRPCSetupError) {
    try phase.withLock { phase throws(GRPCSetupError) in
      if phase == .serving { throw GRPCSetupError("the server runs already") }
      guard phase == .listening else { return }
      phase = .serving
      handle.start()
      for queue in handle.queues {
        for _ in 0..<GRPCServer.requestsPerQueue { arm(calls, queue) }
      }
    }
  }

  /// Asks core for one more call.
  private func arm(_ calls: AsyncStream<Arrival>.Continuation, _ queue: CompletionQueue) {
    handle.request(queue) { call in
      if case .enqueued = calls.yield(Arrival(call: call, queue: queue)) { return }
      call.drop()
    }
  }

  private func serve(_ call: ServerCall) async {
    active.add(1, ordering: .relaxed)
    await methods.serve(call)
    active.subtract(1, ordering: .relaxed)
  }

  /// Waits for a shutdown, then for its deadline or its end, and cancels what is left.
  private func enforceStop() async {
    guard let deadline = await stop.waitUnlessCancelled() else { return }
    let handle = handle
    await withTaskGroup { group in
      group.addTask { try? await ContinuousClock().sleep(until: deadline) }
      group.addTask { _ = await handle.drained.waitUnlessCancelled() }
      await group.next()
      group.cancelAll()
    }
    handle.cancelAllCalls()
  }
}
