// SPDX-License-Identifier: Apache-2.0

/// How important a message is, or how important it must be to be written.
///
/// Names and order are those of istiod's `--log_output_level`.
public enum LogLevel: UInt8, Sendable, CaseIterable, Comparable {
  /// As a threshold: nothing is written.
  case none = 0
  /// The process cannot go on.
  case fatal = 1
  /// Something failed and an operator should look.
  case error = 2
  /// Something is wrong and was worked around.
  case warn = 3
  /// What an operator wants to know of a healthy process.
  case info = 4
  /// Everything.
  case debug = 5

  /// The name as flags and lines spell it.
  public var name: String {
    switch self {
    case .none: "none"
    case .fatal: "fatal"
    case .error: "error"
    case .warn: "warn"
    case .info: "info"
    case .debug: "debug"
    }
  }

  /// The level of that name, or nil; names are lower case.
  public init?(name: some StringProtocol) {
    guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = level
  }

  /// Whether `lhs` lets less through than `rhs`.
  public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}
