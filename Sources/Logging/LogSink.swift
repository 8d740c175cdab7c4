// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Synchronization

/// Where finished lines go.
public protocol LogSink: Sendable {
  /// Takes one whole line, line feed included; any thread may call.
  func write(_ line: [UInt8])
}

/// Lines for a file descriptor, one write(2) each.
public final class FileDescriptorLogSink: LogSink {
  private let descriptor: Int32
  private let closesOnDeinit: Bool
  // Held while a line is written, so that a pipe takes lines longer than PIPE_BUF whole.
  private let turn = Mutex(())

  /// Writes to an open descriptor, which stays the caller's.
  public init(descriptor: Int32) {
    self.descriptor = descriptor
    closesOnDeinit = false
  }

  /// Appends to the file at `path`, which is created with mode 0644 if it is missing.
  public init(path: String) throws(LogError) {
    descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
    closesOnDeinit = true
    guard descriptor >= 0 else {
      throw .cannotOpen(path: path, reason: String(cString: strerror(errno)))
    }
  }

  /// The sink that a value of `--log_target` names: `stdout`, `stderr` or a path.
  public convenience init(target: String) throws(LogError) {
    switch target {
    case "stdout": self.init(descriptor: STDOUT_FILENO)
    case "stderr": self.init(descriptor: STDERR_FILENO)
    default: try self.init(path: target)
    }
  }

  deinit {
    if closesOnDeinit, descriptor >= 0 { close(descriptor) }
  }

  /// Writes the line; what the system refuses (disk full, reader gone) is lost.
  public func write(_ line: [UInt8]) {
    turn.withLock { _ in line.withUnsafeBytes(writeAll) }
  }

  private func writeAll(_ line: UnsafeRawBufferPointer) {
    var rest = line
    while !rest.isEmpty {
      let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if written >= 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      } else if errno == EAGAIN {
        var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&wait, 1, 1000)
      } else if errno != EINTR {
        return
      }
    }
  }
}

/// Lines kept in memory, for tests.
public final class MemoryLogSink: LogSink {
  private let stored = Mutex<[String]>([])

  /// An empty sink.
  public init() {}

  /// Keeps the line.
  public func write(_ line: [UInt8]) {
    let text = String(decoding: line.dropLast(), as: UTF8.self)
    stored.withLock { $0.append(text) }
  }

  /// The lines so far, without line feeds.
  public var lines: [String] { stored.withLock { $0 } }
}
