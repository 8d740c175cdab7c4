// SPDX-License-Identifier: Apache-2.0

/// The value of `--log_output_level` or `--log_stacktrace_level`: levels for scopes, in order.
///
/// `ads:debug,info` sets scope `ads` and scope `default`; `all:debug` sets every scope and
/// undoes what stands before it. Unknown scopes are remembered: a scope may be made later.
public struct LogLevelRules: Sendable, Equatable {
  /// The scope of messages without a scope.
  public static let defaultScope = "default"
  /// The name that stands for every scope.
  public static let everyScope = "all"

  private var rules: [(scope: String, level: LogLevel)] = []

  /// No rules: every scope keeps its default.
  public init() {}

  /// Reads a comma-separated list of `scope:level` or `level`; an empty text is no rules.
  public init(parsing text: String) throws(LogError) {
    for item in text.split(separator: ",") {
      let pieces = item.split(separator: ":", omittingEmptySubsequences: false)
      guard pieces.count <= 2, let last = pieces.last else {
        throw .invalidLevelRule(String(item))
      }
      guard let level = LogLevel(name: last) else { throw .unknownLevel(String(last)) }
      rules.append((pieces.count == 2 ? String(pieces[0]) : Self.defaultScope, level))
    }
  }

  /// The scopes that rules name, in order.
  public var scopes: [String] { rules.map(\.scope) }

  /// The level for a scope: that of the last rule that names it or all; nil if there is none.
  public func level(of scope: String) -> LogLevel? {
    rules.last { $0.scope == scope || $0.scope == Self.everyScope }?.level
  }

  /// Whether both hold the same rules in the same order.
  public static func == (lhs: Self, rhs: Self) -> Bool {
    lhs.rules.elementsEqual(rhs.rules) { $0 == $1 }
  }
}
