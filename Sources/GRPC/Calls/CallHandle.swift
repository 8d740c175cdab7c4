// SPDX-License-Identifier: Apache-2.0
//
// Owner: the call's Swift object and each of its operations under way retain the handle.
// Threads: any; the starts of operations are serialised by a lock, as gRPC asks.
// Freed: the reference to the C call is dropped with the handle.

import CGRPC
import Synchronization

/// A C call, and the queue that its operations end on.
final class CallHandle: Sendable {
  // SAFETY: batches start under the lock; the other functions used are thread-safe.
  private nonisolated(unsafe) let raw: OpaquePointer
  private let queue: CompletionQueue
  private let starting = Mutex(())

  /// Takes over one reference to a call.
  init(_ call: OpaquePointer, queue: CompletionQueue) {
    raw = call
    self.queue = queue
  }

  deinit { grpc_call_unref(raw) }

  /// The C call, for as long as the handle is retained.
  var pointer: OpaquePointer { raw }

  /// Starts a batch; `completion` is called exactly once, unless the call refuses the batch.
  func start(_ operations: [grpc_op], _ completion: Completion) -> GRPCStatus? {
    let tag = completion.retainedTag()
    let result = starting.withLock { _ in
      grpc_call_start_batch(raw, operations, operations.count, tag, nil)
    }
    if result == GRPC_CALL_OK { return nil }
    Completion.discard(tag)
    return refusal(result)
  }

  /// Cancels the call; harmless where it has ended.
  func cancel() { grpc_call_cancel(raw, nil) }

  /// Cancels the call with a status, which a server's core sends to the client.
  func cancel(_ status: GRPCStatus) {
    grpc_call_cancel_with_status(
      raw, grpc_status_code(Int32(status.code.rawValue)), status.message, nil)
  }

  private func refusal(_ error: grpc_call_error) -> GRPCStatus {
    switch error {
    case GRPC_CALL_ERROR_TOO_MANY_OPERATIONS:
      GRPCStatus(.internal, "two tasks write to one stream at a time")
    case GRPC_CALL_ERROR_ALREADY_FINISHED:
      GRPCStatus(.failedPrecondition, "nothing can be written after the end of writing")
    case GRPC_CALL_ERROR_INVALID_METADATA:
      GRPCStatus(.invalidArgument, "a header's key or value is not legal in gRPC")
    default: GRPCStatus(.internal, "gRPC refuses an operation (error \(error.rawValue))")
    }
  }
}
