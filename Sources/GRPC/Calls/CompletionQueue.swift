// SPDX-License-Identifier: Apache-2.0
//
// Owner: everything that may start an operation on the queue (servers, channels, calls) retains
// the queue's object. Threads: `next` is called by the queue's own thread only; operations may be
// started from any thread. Freed: the object's end shuts the queue down; its thread drains it,
// destroys it and ends. As each operation's tag retains its call, and that the queue, none is
// pending by then.

import CGRPC
import CGRPCShims
import Glibc
import Synchronization

/// gRPC's library, initialised once for the life of the process.
enum Library {
  /// Reading it initialises the library.
  static let ready: Void = grpc_init()
}

// SAFETY: subclasses write their memory before the operation starts, C writes it while the
// operation runs, and `complete` reads it afterwards, on one thread.

/// What an operation's tag stands for: called exactly once, on the queue's thread.
class Completion: @unchecked Sendable {
  /// Set when the tag is given away, read when it is back: the order of the two sides' memory,
  /// which gRPC keeps too, but out of sight of the thread sanitizer.
  private let given = Atomic(false)

  init() {}

  /// The operation's end; must not block.
  func complete(success: Bool) { preconditionFailure("a completion without an effect") }

  /// The tag of an operation: one retain, which the queue's thread takes.
  final func retainedTag() -> UnsafeMutableRawPointer {
    given.store(true, ordering: .releasing)
    return Unmanaged.passRetained(self).toOpaque()
  }

  /// Takes the retain of a tag that came back, and ends its operation.
  fileprivate static func take(_ tag: UnsafeMutableRawPointer, success: Bool) {
    let completion = Unmanaged<Completion>.fromOpaque(tag).takeRetainedValue()
    precondition(completion.given.exchange(false, ordering: .acquiring), "a tag came back twice")
    completion.complete(success: success)
  }

  /// Takes the retain back, where the operation did not start.
  static func discard(_ tag: UnsafeMutableRawPointer) {
    Unmanaged<Completion>.fromOpaque(tag).release()
  }
}

/// A completion queue and the thread that serves it.
final class CompletionQueue: Sendable {
  private nonisolated(unsafe) let raw: OpaquePointer  // SAFETY: the C object locks itself.

  /// The queue, for as long as this object is retained.
  var pointer: OpaquePointer { raw }

  /// Makes a queue and starts its thread.
  init() throws(GRPCSetupError) {
    _ = Library.ready
    guard let queue = grpc_completion_queue_create_for_next(nil) else {
      throw GRPCSetupError("gRPC has no completion queue to give")
    }
    raw = queue
    let failure = startThread(UnsafeMutableRawPointer(queue))
    if failure != 0 {
      throw GRPCSetupError("a gRPC thread cannot be started: \(String(cString: strerror(failure)))")
    }
  }

  deinit { grpc_completion_queue_shutdown(raw) }
}

/// Starts the thread of a queue, detached, with all signals blocked; returns an `errno` or 0.
private func startThread(_ queue: UnsafeMutableRawPointer) -> Int32 {
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  defer { pthread_attr_destroy(&attributes) }
  pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  var all = sigset_t()
  var before = sigset_t()
  sigfillset(&all)
  pthread_sigmask(SIG_SETMASK, &all, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
  var thread = pthread_t()
  return pthread_create(&thread, &attributes, completionQueueThread, queue)
}

/// Drains a queue until it is shut down, then destroys it.
private func completionQueueThread(
  _ context: UnsafeMutableRawPointer?
) -> UnsafeMutableRawPointer? {
  guard let context else { return nil }
  cgrpc_name_thread("grpc-queue")
  let queue = OpaquePointer(context)
  let never = gpr_inf_future(GPR_CLOCK_MONOTONIC)
  while true {
    let event = grpc_completion_queue_next(queue, never, nil)
    if event.type == GRPC_QUEUE_SHUTDOWN { break }
    guard event.type == GRPC_OP_COMPLETE, let tag = event.tag else { continue }
    Completion.take(tag, success: event.success != 0)
  }
  grpc_completion_queue_destroy(queue)
  return nil
}
