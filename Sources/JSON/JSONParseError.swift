// SPDX-License-Identifier: Apache-2.0

/// Why a text is not the JSON that was asked for, and where.
public struct JSONParseError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The line, counted from 1.
  public let line: Int
  /// The column in Unicode scalars, counted from 1.
  public let column: Int
  /// What is wrong, without the place.
  public let reason: String

  /// An error at a place.
  public init(line: Int, column: Int, reason: String) {
    self.line = line
    self.column = column
    self.reason = reason
  }

  /// One sentence for an operator: `line 3, column 7: duplicate key "hosts"`.
  public var description: String { "line \(line), column \(column): \(reason)" }
}

/// How much JSON a reader takes before it refuses.
public struct JSONLimits: Hashable, Sendable {
  /// The most bytes of a text.
  public var bytes: Int
  /// The most objects and lists that may stand inside one another.
  public var depth: Int

  /// Limits; by default 16 MiB and 100 levels.
  public init(bytes: Int = 16 << 20, depth: Int = 100) {
    self.bytes = bytes
    self.depth = depth
  }
}
