// SPDX-License-Identifier: Apache-2.0

/// Writes messages of one scope; a value that is cheap to copy and to call when its level is off.
///
/// Made by ``LogSystem/scope(_:_:)``. Message and fields are evaluated only if they are written.
public struct Logger: Sendable {
  /// Fields as a literal: `["node": "\(id)", "size": .integer(count)]`.
  public typealias Fields = KeyValuePairs<String, LogValue>

  /// The scope whose levels decide.
  public let scope: LogScope
  private let system: LogSystem
  private var attached: [LogField] = []

  init(scope: LogScope, system: LogSystem) {
    self.scope = scope
    self.system = system
  }

  /// Whether messages of `level` are written.
  public func isEnabled(_ level: LogLevel) -> Bool { scope.isEnabled(level) }

  /// A logger of the same scope that puts `fields` before those of each message.
  public func with(_ fields: Fields) -> Logger {
    var copy = self
    copy.attached += fields.map { LogField($0.key, $0.value) }
    return copy
  }

  /// Writes a message of `level`.
  public func log(
    _ level: LogLevel, _ message: @autoclosure () -> String,
    _ fields: @autoclosure () -> Fields = [:], file: StaticString = #fileID, line: UInt = #line
  ) {
    guard level != .none, scope.isEnabled(level) else { return }
    system.write(
      level, scope, message(), attached + fields().map { LogField($0.key, $0.value) },
      scope.logsCaller ? "\(file):\(line)" : nil)
  }

  /// Writes what only a developer wants to know.
  public func debug(
    _ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:],
    file: StaticString = #fileID, line: UInt = #line
  ) {
    log(.debug, message(), fields(), file: file, line: line)
  }

  /// Writes what an operator wants to know of a healthy process.
  public func info(
    _ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:],
    file: StaticString = #fileID, line: UInt = #line
  ) {
    log(.info, message(), fields(), file: file, line: line)
  }

  /// Writes what is wrong and was worked around.
  public func warn(
    _ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:],
    file: StaticString = #fileID, line: UInt = #line
  ) {
    log(.warn, message(), fields(), file: file, line: line)
  }

  /// Writes what failed.
  public func error(
    _ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:],
    file: StaticString = #fileID, line: UInt = #line
  ) {
    log(.error, message(), fields(), file: file, line: line)
  }

  /// Writes why the process cannot go on; ending it is the caller's affair.
  public func fatal(
    _ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:],
    file: StaticString = #fileID, line: UInt = #line
  ) {
    log(.fatal, message(), fields(), file: file, line: line)
  }
}
