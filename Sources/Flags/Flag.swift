// SPDX-License-Identifier: Apache-2.0

/// One flag of the command line.
public struct Flag: Sendable {
  /// What values a flag takes.
  public enum Kind: Sendable, Equatable {
    /// Any text.
    case text
    /// A truth value, true where the flag stands alone.
    case truth
    /// A duration as Go writes it.
    case duration
    /// A number.
    case number
    /// Several, with commas between or the flag repeated.
    case list
  }

  /// The name, as it follows `--`.
  public var name: String
  /// The letter that may follow `-` in its place.
  public var shorthand: Character?
  /// What values it takes.
  public var kind: Kind
  /// The value where it is not given.
  public var standard: String
  /// Whether it changes anything in this version.
  public var isUsed: Bool
  /// What it does, in a line.
  public var help: String

  /// A flag, in the order of a table's columns.
  public init(
    _ name: String, _ kind: Kind, _ standard: String, short: Character? = nil, used: Bool = false,
    _ help: String
  ) {
    self.name = name
    self.kind = kind
    self.standard = standard
    shorthand = short
    isUsed = used
    self.help = help
  }
}
