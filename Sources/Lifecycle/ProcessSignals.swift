// SPDX-License-Identifier: Apache-2.0
//
// Owns: a pipe and the handlers of SIGINT and SIGTERM; one object a process at a time.
// Threads: the handler only writes a byte; a thread of its own reads and tells the stream.
// Freed: when the object goes, the default handlers return and the thread ends.

internal import Glibc
internal import Synchronization

/// A signal that asks the process to end.
public enum ProcessSignal: Int32, Sendable, CaseIterable {
  /// SIGINT, Ctrl-C.
  case interrupt = 2
  /// SIGTERM, what Kubernetes and systemd send.
  case terminate = 15

  /// The name as operators write it.
  public var name: String {
    switch self {
    case .interrupt: "SIGINT"
    case .terminate: "SIGTERM"
    }
  }
}

/// The process's SIGINT and SIGTERM as a stream; SIGPIPE is ignored from then on.
public final class ProcessSignals: Sendable {
  /// The signals as they come.
  public let stream: AsyncStream<ProcessSignal>

  /// Takes the signals over; nil if another object has them or the system refuses.
  public init?() {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return nil }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let (stream, continuation) = AsyncStream.makeStream(of: ProcessSignal.self)
    let claim = writeEnd.compareExchange(
      expected: -1, desired: ends[1], ordering: .sequentiallyConsistent)
    let context = Unmanaged.passRetained(
      SignalReader(readEnd: ends[0], continuation: continuation))
    var thread = pthread_t()
    guard claim.exchanged, pthread_create(&thread, nil, readSignals, context.toOpaque()) == 0
    else {
      context.release()
      if claim.exchanged { writeEnd.store(-1, ordering: .sequentiallyConsistent) }
      for end in ends { close(end) }
      return nil
    }
    pthread_detach(thread)
    // Set last: only an initialised object's deinit runs, and only the owner may give up.
    self.stream = stream
    for signal in ProcessSignal.allCases { setHandler(signal.rawValue, forwardSignal) }
    setHandler(SIGPIPE, SIG_IGN)
  }

  deinit {
    for signal in ProcessSignal.allCases { setHandler(signal.rawValue, SIG_DFL) }
    close(writeEnd.exchange(-1, ordering: .sequentiallyConsistent))
  }
}

/// The pipe's end that the handler writes to; -1 while nobody listens.
private let writeEnd = Atomic<Int32>(-1)

private final class SignalReader: Sendable {
  let readEnd: Int32
  let continuation: AsyncStream<ProcessSignal>.Continuation

  init(readEnd: Int32, continuation: AsyncStream<ProcessSignal>.Continuation) {
    self.readEnd = readEnd
    self.continuation = continuation
  }
}

private func setHandler(_ signal: Int32, _ handler: __sighandler_t?) {
  var action = sigaction()
  action.__sigaction_handler.sa_handler = handler
  action.sa_flags = SA_RESTART
  sigemptyset(&action.sa_mask)
  sigaction(signal, &action, nil)
}

/// The handler: async-signal-safe, keeps errno.
private func forwardSignal(_ signal: Int32) {
  let saved = errno
  var byte = UInt8(truncatingIfNeeded: signal)
  let end = writeEnd.load(ordering: .sequentiallyConsistent)
  if end >= 0 { write(end, &byte, 1) }
  errno = saved
}

private func readSignals(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  let reader = Unmanaged<SignalReader>.fromOpaque(argument).takeRetainedValue()
  var byte: UInt8 = 0
  while true {
    let count = read(reader.readEnd, &byte, 1)
    if count < 0, errno == EINTR { continue }
    guard count == 1 else { break }
    if let signal = ProcessSignal(rawValue: Int32(byte)) { reader.continuation.yield(signal) }
  }
  close(reader.readEnd)
  reader.continuation.finish()
  return nil
}
