// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A named part of the process whose levels an operator can change while it runs.
public final class LogScope: Sendable {
  /// The name in flags and lines.
  public let name: String
  /// One line for the operator who lists the scopes.
  public let summary: String
  private let output: Atomic<UInt8>
  private let stack: Atomic<UInt8>
  private let caller: Atomic<Bool>

  init(name: String, summary: String, output: LogLevel, stack: LogLevel, caller: Bool) {
    self.name = name
    self.summary = summary
    self.output = Atomic(output.rawValue)
    self.stack = Atomic(stack.rawValue)
    self.caller = Atomic(caller)
  }

  /// The least important level that is written.
  public var outputLevel: LogLevel {
    get { LogLevel(rawValue: output.load(ordering: .relaxed)) ?? .none }
    set { output.store(newValue.rawValue, ordering: .relaxed) }
  }

  /// The least important level that is written with a stack trace.
  public var stackTraceLevel: LogLevel {
    get { LogLevel(rawValue: stack.load(ordering: .relaxed)) ?? .none }
    set { stack.store(newValue.rawValue, ordering: .relaxed) }
  }

  /// Whether lines name the file and line that wrote them.
  public var logsCaller: Bool {
    get { caller.load(ordering: .relaxed) }
    set { caller.store(newValue, ordering: .relaxed) }
  }

  /// Whether messages of `level` are written: one atomic load.
  func isEnabled(_ level: LogLevel) -> Bool { output.load(ordering: .relaxed) >= level.rawValue }
}
