// SPDX-License-Identifier: Apache-2.0

import CGRPC
import CGRPCShims
import Glibc
import Synchronization

/// Starts a detached thread with all signals blocked; returns an `errno` or 0.
func startDetachedThread(
  _ body: @escaping @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?,
  _ context: UnsafeMutableRawPointer?
) -> Int32 {
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
  return pthread_create(&thread, &attributes, body, context)
}

/// The threads that run what becomes ready for a call outside its queue's thread: as many as there
/// are processors, for the life of the process.
///
/// The tasks of calls do nothing but compute and start operations, so that a queue in order and a
/// semaphore cost less than what a general pool does for each job.
final class WorkerPool: Sendable {
  /// The one pool.
  static let shared = WorkerPool()

  private struct State {
    var jobs: [(job: UnownedJob, executor: UnownedTaskExecutor)] = []
    /// How many of `jobs` were taken.
    var taken = 0
    /// How many threads sleep, and have not been told to wake.
    var idle = 0
    var isStarted = false

    /// Takes the first that waits.
    mutating func next() -> (job: UnownedJob, executor: UnownedTaskExecutor)? {
      guard taken < jobs.count else { return nil }
      defer { taken += 1 }
      return jobs[taken]
    }

    /// Puts one at the end, in the room of those that were taken.
    mutating func add(_ job: UnownedJob, _ executor: UnownedTaskExecutor) {
      if taken == jobs.count || taken >= 4096 {
        jobs.removeFirst(taken)
        taken = 0
      }
      jobs.append((job, executor))
    }
  }

  private let state = Mutex(State())
  private nonisolated(unsafe) let wakeUp: UnsafeMutablePointer<sem_t>  // SAFETY: it locks itself.

  private init() {
    wakeUp = .allocate(capacity: 1)
    sem_init(wakeUp, 0, 0)
  }

  /// Has a job run by one of the threads.
  func add(_ job: UnownedJob, of executor: UnownedTaskExecutor) {
    let (wakes, starts) = state.withLock { state in
      state.add(job, executor)
      let starts = !state.isStarted
      state.isStarted = true
      guard state.idle > 0 else { return (false, starts) }
      state.idle -= 1
      return (true, starts)
    }
    if wakes { sem_post(wakeUp) }
    if starts { start() }
  }

  private func start() {
    let count = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    let failures = (0..<count).map { _ in startDetachedThread(workerThread, nil) }
    precondition(failures.contains(0), "no thread can be started for the calls of gRPC")
  }

  fileprivate func run() -> Never {
    while true {
      let next = state.withLock { state in
        let next = state.next()
        if next == nil { state.idle += 1 }
        return next
      }
      if let next {
        next.job.runSynchronously(on: next.executor)
      } else {
        while sem_wait(wakeUp) != 0 {}
      }
    }
  }
}

/// The thread of a worker.
private func workerThread(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  cgrpc_name_thread("grpc-worker")
  WorkerPool.shared.run()
}
