// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// What the operator's logging flags say.
public struct LogOptions: Sendable {
  /// `--log_as_json`.
  public var format: LogFormat = .console
  /// `--log_output_level`, for example `default:info,ads:debug`.
  public var outputLevel = ""
  /// `--log_stacktrace_level`, in the same form.
  public var stackTraceLevel = "default:none"
  /// `--log_caller`: scopes, with commas between, or `all`.
  public var caller = ""
  /// `--log_target`: `stdout`, `stderr` or paths.
  public var targets = ["stdout"]

  /// The defaults: console lines of level info on the standard output.
  public init() {}
}

/// The log of a process: made once from the flags, and passed to whoever logs.
public final class LogSystem: Sendable {
  private let format: LogFormat
  private let sinks: [any LogSink]
  private let clock: @Sendable () -> LogTime
  private let outputRules: LogLevelRules
  private let stackRules: LogLevelRules
  private let callerScopes: Set<String>
  private let table = Mutex<[String: LogScope]>([:])

  /// A log to the targets that `options` name.
  public convenience init(_ options: LogOptions = LogOptions()) throws(LogError) {
    var sinks: [any LogSink] = []
    for target in options.targets { sinks.append(try FileDescriptorLogSink(target: target)) }
    try self.init(options, sinks: sinks)
  }

  /// A log to `sinks` whatever targets `options` name; `clock` stamps the lines.
  public init(
    _ options: LogOptions = LogOptions(), sinks: [any LogSink],
    clock: @escaping @Sendable () -> LogTime = LogTime.now
  ) throws(LogError) {
    format = options.format
    self.sinks = sinks
    self.clock = clock
    outputRules = try LogLevelRules(parsing: options.outputLevel)
    stackRules = try LogLevelRules(parsing: options.stackTraceLevel)
    callerScopes = Set(options.caller.split(separator: ",").map(String.init))
  }

  /// A logger of the scope `name`, which is made with the flags' levels if it is new.
  ///
  /// Names hold no colon, comma or period: flags could not name such a scope.
  public func scope(
    _ name: String = LogLevelRules.defaultScope, _ summary: String = ""
  ) -> Logger {
    precondition(!name.contains { ":,.".contains($0) }, "scope name \(name) is invalid")
    let scope = table.withLock { table in
      if let known = table[name] { return known }
      let made = makeScope(name, summary)
      table[name] = made
      return made
    }
    return Logger(scope: scope, system: self)
  }

  private func makeScope(_ name: String, _ summary: String) -> LogScope {
    LogScope(
      name: name, summary: summary,
      output: outputRules.level(of: name) ?? (name == "grpc" ? .none : .info),
      stack: stackRules.level(of: name) ?? .none,
      caller: callerScopes.contains(name) || callerScopes.contains(LogLevelRules.everyScope))
  }

  /// The scopes by name, for the operator who lists or changes them.
  public var scopes: [LogScope] {
    table.withLock { Array($0.values) }.sorted { $0.name < $1.name }
  }

  /// Changes the output levels of scopes that exist, by rules as the flag takes them.
  public func apply(_ rules: LogLevelRules) {
    for scope in scopes {
      if let level = rules.level(of: scope.name) { scope.outputLevel = level }
    }
  }

  func write(
    _ level: LogLevel, _ scope: LogScope, _ message: String, _ fields: [LogField], _ caller: String?
  ) {
    let wantsStack = scope.stackTraceLevel >= level
    let line = format.line(
      LogEntry(
        time: clock(), level: level, scope: scope.name, message: message, fields: fields,
        caller: caller, stack: wantsStack ? captureStack() : nil))
    for sink in sinks { sink.write(line) }
  }
}
