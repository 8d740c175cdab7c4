// SPDX-License-Identifier: Apache-2.0
//
// Owner: the thread owns its body, which is freed when it has run. Threads: this starts them.

import Glibc

/// Threads of our own, for work that blocks: it must not hold up those that Swift's tasks share.
enum AgentThread {
  /// Runs `body` on a thread with all signals blocked; false where the system has none to give.
  static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    pthread_attr_setstacksize(&attributes, 512 << 10)
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    let body = Unmanaged.passRetained(ThreadBody(run: body))
    var thread = pthread_t()
    guard pthread_create(&thread, &attributes, runThreadBody, body.toOpaque()) == 0 else {
      body.release()
      return false
    }
    return true
  }

  /// What `body` returns, which runs on a thread of its own; nil where the system has none to give.
  static func value<T: Sendable>(of body: @escaping @Sendable () -> T) async -> T? {
    await withCheckedContinuation { continuation in
      let isStarted = start { continuation.resume(returning: body()) }
      if !isStarted { continuation.resume(returning: nil) }
    }
  }
}

private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void

  init(run: @escaping @Sendable () -> Void) { self.run = run }
}

private func runThreadBody(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let context else { return nil }
  Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
  return nil
}
