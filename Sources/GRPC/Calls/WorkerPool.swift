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

/// The threads that run what becomes ready for a server's call outside its queue's thread: as many as
/// there are processors, from the first such job to the end of the pool.
///
/// The tasks of calls do nothing but compute and start operations, so that a queue in order and a
/// semaphore cost less than what a general pool does for each job.
final class WorkerPool: Sendable {
  private let jobs = WorkerJobs()

  deinit { jobs.end() }

  /// Has a job run by one of the threads.
  func add(_ job: UnownedJob, of executor: UnownedTaskExecutor) { jobs.add(job, of: executor) }
}

/// What a pool's threads share; it is there until the last of them ends.
private final class WorkerJobs: Sendable {
  private struct State {
    var jobs: [(job: UnownedJob, executor: UnownedTaskExecutor)] = []
    /// How many of `jobs` were taken.
    var taken = 0
    /// How many threads sleep, and have not been told to wake.
    var idle = 0
    /// How many threads there are.
    var threads = 0
    var hasEnded = false

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

  init() {
    wakeUp = .allocate(capacity: 1)
    sem_init(wakeUp, 0, 0)
  }

  deinit {
    sem_destroy(wakeUp)
    wakeUp.deallocate()
  }

  /// Has a job run by one of the threads.
  func add(_ job: UnownedJob, of executor: UnownedTaskExecutor) {
    let (wakes, starts) = state.withLock { state in
      state.add(job, executor)
      let starts = state.threads == 0 ? WorkerJobs.threadCount : 0
      state.threads += starts
      guard state.idle > 0 else { return (false, starts) }
      state.idle -= 1
      return (true, starts)
    }
    if wakes { sem_post(wakeUp) }
    if starts > 0 { start(starts) }
  }

  /// Has the threads end, when no job is left.
  func end() {
    let idle = state.withLock { state in
      state.hasEnded = true
      defer { state.idle = 0 }
      return state.idle
    }
    for _ in 0..<idle { sem_post(wakeUp) }
  }

  private static let threadCount = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

  private func start(_ count: Int) {
    let started = (0..<count).count { _ in
      let context = Unmanaged.passRetained(self)
      guard startDetachedThread(workerThread, context.toOpaque()) != 0 else { return true }
      context.release()
      return false
    }
    precondition(started > 0, "no thread can be started for the calls of gRPC")
  }

  private enum Next {
    case run(UnownedJob, UnownedTaskExecutor)
    case sleep
    case end
  }

  fileprivate func run() {
    while true {
      let next = state.withLock { state -> Next in
        if let (job, executor) = state.next() { return .run(job, executor) }
        if state.hasEnded { return .end }
        state.idle += 1
        return .sleep
      }
      switch next {
      case .run(let job, let executor): job.runSynchronously(on: executor)
      case .sleep: while sem_wait(wakeUp) != 0 {}
      case .end: return
      }
    }
  }
}

/// The thread of a worker.
private func workerThread(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let context else { return nil }
  cgrpc_name_thread("grpc-worker")
  Unmanaged<WorkerJobs>.fromOpaque(context).takeRetainedValue().run()
  return nil
}
