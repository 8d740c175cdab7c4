// SPDX-License-Identifier: Apache-2.0
//
// Owner: the `GRPCServer`, and the shutdown under way. Threads: any. Freed: the C server is
// destroyed when it has shut down and nobody holds the handle; a server that was never shut down
// is so by the handle's end.

import CGRPC
import Synchronization

/// A C server and its completion queues.
final class ServerHandle: Sendable {
  private nonisolated(unsafe) let raw: OpaquePointer  // SAFETY: the C object locks itself.
  /// The queues, at least one.
  let queues: [CompletionQueue]
  /// Fulfilled when all connections are closed after a shutdown.
  let drained = OneShot<Void>()
  private let maxMessageSize: Int
  private let shuttingDown = Mutex(false)

  /// A server that does not listen yet.
  init(_ configuration: GRPCServerConfiguration) throws(GRPCSetupError) {
    let workers = WorkerPool()
    var queues: [CompletionQueue] = []
    for _ in 0..<max(1, configuration.completionQueues) {
      queues.append(try CompletionQueue(workers: workers))
    }
    let server = withChannelArguments(configuration.arguments) { grpc_server_create($0, nil) }
    guard let server else { throw GRPCSetupError("gRPC refuses the server's configuration") }
    for queue in queues { grpc_server_register_completion_queue(server, queue.pointer, nil) }
    raw = server
    self.queues = queues
    maxMessageSize = configuration.maxReceiveMessageSize
  }

  deinit {
    if drained.current != nil { return grpc_server_destroy(raw) }
    let teardown = ServerTeardown(raw, queues)
    grpc_server_shutdown_and_notify(raw, queues[0].pointer, teardown.retainedTag())
    grpc_server_cancel_all_calls(raw)
  }

  /// Binds an address; returns the port (1 for a Unix socket), or 0 where that fails.
  func bind(_ address: String, _ credentials: OpaquePointer) -> Int {
    Int(grpc_server_add_http2_port(raw, address, credentials))
  }

  /// Starts to accept connections.
  func start() { grpc_server_start(raw) }

  /// Asks for the next call on a queue.
  func request(_ queue: CompletionQueue, _ accept: @escaping @Sendable (ServerCall) -> Void) {
    RequestOperation.start(raw, queue, maxMessageSize: maxMessageSize, accept)
  }

  /// Stops accepting, sends GOAWAY, and fulfils ``drained`` when the last connection is closed.
  func beginShutdown() {
    let first = shuttingDown.withLock { begun in
      defer { begun = true }
      return !begun
    }
    guard first else { return }
    let tag = ServerDrained(self).retainedTag()
    grpc_server_shutdown_and_notify(raw, queues[0].pointer, tag)
  }

  /// Cancels all calls and closes all connections; only after ``beginShutdown()``.
  func cancelAllCalls() { grpc_server_cancel_all_calls(raw) }
}

// SAFETY: as of `Completion`: one side at a time uses the memory.

/// The end of an orderly shutdown.
private final class ServerDrained: Completion, @unchecked Sendable {
  private let server: ServerHandle

  init(_ server: ServerHandle) { self.server = server }

  override func complete(success: Bool) { server.drained.fulfil(()) }
}

// SAFETY: as of `Completion`: one side at a time uses the memory.

/// The end of a server that nobody shut down.
private final class ServerTeardown: Completion, @unchecked Sendable {
  private let server: OpaquePointer
  private let queues: [CompletionQueue]

  init(_ server: OpaquePointer, _ queues: [CompletionQueue]) {
    self.server = server
    self.queues = queues
  }

  override func complete(success: Bool) { grpc_server_destroy(server) }
}
