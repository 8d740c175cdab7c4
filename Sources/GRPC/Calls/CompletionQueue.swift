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
  private let loop: QueueLoop

  /// The queue, for as long as this object is retained.
  var pointer: OpaquePointer { loop.queue }

  /// Runs tasks that wait for operations of this queue; nil for a queue without workers.
  ///
  /// What an operation's end resumes goes on right there, on the queue's thread.
  let executor: (any TaskExecutor)?

  /// Makes a queue and starts its thread.
  ///
  /// - Parameter workers: They run what becomes ready elsewhere for the tasks of its executor.
  init(workers: WorkerPool? = nil) throws(GRPCSetupError) {
    _ = Library.ready
    guard let queue = grpc_completion_queue_create_for_next(nil) else {
      throw GRPCSetupError("gRPC has no completion queue to give")
    }
    let loop = QueueLoop(queue)
    self.loop = loop
    executor = workers.map { QueueExecutor(loop, $0) }
    let failure = startDetachedThread(
      completionQueueThread, Unmanaged.passRetained(loop).toOpaque())
    if failure != 0 {
      throw GRPCSetupError("a gRPC thread cannot be started: \(String(cString: strerror(failure)))")
    }
  }

  deinit { grpc_completion_queue_shutdown(loop.queue) }
}

/// Runs jobs on a queue's thread where they become ready there, and elsewhere by workers: the thread
/// may be asleep in gRPC, which nobody can wake from outside.
private final class QueueExecutor: TaskExecutor {
  private let loop: QueueLoop
  private let workers: WorkerPool

  init(_ loop: QueueLoop, _ workers: WorkerPool) {
    self.loop = loop
    self.workers = workers
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let executor = asUnownedTaskExecutor()
    if !loop.takes(job, of: executor) { workers.add(job, of: executor) }
  }
}

// SAFETY: `ready` is used on the loop's own thread alone, `queue` locks itself.

/// What the thread of a queue does: ends operations, and runs what that resumes.
private final class QueueLoop: @unchecked Sendable {
  let queue: OpaquePointer
  private var ready: [(job: UnownedJob, executor: UnownedTaskExecutor)] = []
  private let thread = Atomic<pthread_t>(0)

  /// How many jobs are run before gRPC is looked at again.
  private static let stretch = 32

  init(_ queue: OpaquePointer) { self.queue = queue }

  /// Takes a job that became ready on the loop's own thread; false on others.
  func takes(_ job: UnownedJob, of executor: UnownedTaskExecutor) -> Bool {
    guard thread.load(ordering: .relaxed) == pthread_self() else { return false }
    ready.append((job, executor))
    return true
  }

  /// Drains the queue until it is shut down, then destroys it.
  func run() {
    thread.store(pthread_self(), ordering: .relaxed)
    let never = gpr_inf_future(GPR_CLOCK_MONOTONIC)
    let now = gpr_inf_past(GPR_CLOCK_MONOTONIC)
    while true {
      let event = grpc_completion_queue_next(queue, ready.isEmpty ? never : now, nil)
      if event.type == GRPC_QUEUE_SHUTDOWN { break }
      if event.type == GRPC_OP_COMPLETE, let tag = event.tag {
        Completion.take(tag, success: event.success != 0)
      }
      runJobs()
    }
    while !ready.isEmpty { runJobs() }
    thread.store(0, ordering: .relaxed)
    grpc_completion_queue_destroy(queue)
  }

  private func runJobs() {
    var left = QueueLoop.stretch
    while !ready.isEmpty, left > 0 {
      let jobs = ready
      ready = []
      for (job, executor) in jobs { job.runSynchronously(on: executor) }
      left -= jobs.count
    }
  }
}

/// The thread of a queue.
private func completionQueueThread(
  _ context: UnsafeMutableRawPointer?
) -> UnsafeMutableRawPointer? {
  guard let context else { return nil }
  cgrpc_name_thread("grpc-queue")
  Unmanaged<QueueLoop>.fromOpaque(context).takeRetainedValue().run()
  return nil
}
