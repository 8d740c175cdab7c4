// SPDX-License-Identifier: Apache-2.0
//
// Owner: the object owns its child, which is waited for once. Threads: any.

import Glibc
import Logging
import Synchronization

/// The Envoy that the agent starts, and ends.
final class EnvoyProcess: Sendable {
  private let child: Mutex<pid_t?>

  /// How often the child is looked after.
  private static let interval = Duration.milliseconds(100)

  /// Starts a program with arguments; its output is the agent's.
  init(_ program: String, _ arguments: [String]) throws(AgentError) {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The agent's own signals are its own: Envoy is told when it is time.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
    var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, program, nil, &attributes, &words, environ)
    guard code == 0 else {
      throw AgentError("\(program) cannot be started: \(String(cString: strerror(code)))")
    }
    child = Mutex(pid)
  }

  /// The status that it ended with, 128 and its number for a signal; nil while it runs.
  private func status() -> Int32? {
    child.withLock { child in
      guard let pid = child else { return 0 }
      var raw: Int32 = 0
      guard waitpid(pid, &raw, WNOHANG) == pid else { return nil }
      child = nil
      let signal = raw & 0x7f
      return signal == 0 ? (raw >> 8) & 0xff : 128 + signal
    }
  }

  /// Waits until it has ended; nil where the time is over first.
  func waitForEnd(within limit: Duration? = nil) async -> Int32? {
    let deadline = limit.map { ContinuousClock.now + $0 }
    while true {
      if let status = status() { return status }
      if let deadline, .now >= deadline { return nil }
      guard (try? await ContinuousClock().sleep(for: EnvoyProcess.interval)) != nil else {
        return nil
      }
    }
  }

  /// Sends it a signal, where it still runs.
  func signal(_ number: Int32) {
    child.withLock { child in
      if let child { kill(child, number) }
    }
  }
}

/// Why an agent cannot go on: one sentence.
struct AgentError: Error, Hashable, Sendable, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
