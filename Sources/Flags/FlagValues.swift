// SPDX-License-Identifier: Apache-2.0

/// A command line that cannot be used, in one sentence.
public struct FlagError: Error, Equatable, CustomStringConvertible {
  /// The sentence.
  public var description: String

  /// An error of one sentence.
  public init(_ description: String) { self.description = description }
}

/// A command line as Go's pflag reads it.
///
/// `--name=value`, `--name value`, `-n value`, a truth value alone; `--` ends the flags. What is not
/// known is passed over.
public struct FlagValues: Equatable, Sendable {
  /// The value of every flag, its default where it is not given.
  public private(set) var values: [String: String] = [:]
  /// The names of the flags that were given.
  public private(set) var given: Set<String> = []
  /// The flags that are not known, as written.
  public private(set) var unknown: [String] = []
  /// What is no flag.
  public private(set) var words: [String] = []

  /// Reads arguments (without the program's name) against a table.
  public init(_ arguments: [String], flags: [Flag]) throws(FlagError) {
    for flag in flags { values[flag.name] = flag.standard }
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--" {
        words += rest
        return
      }
      if argument.hasPrefix("--") {
        try readLong(argument.dropFirst(2), &rest, flags)
      } else if argument.hasPrefix("-"), argument.count > 1 {
        try readShort(argument.dropFirst(), &rest, flags)
      } else {
        words.append(argument)
      }
    }
  }

  private mutating func readLong(
    _ text: Substring, _ rest: inout ArraySlice<String>, _ flags: [Flag]
  ) throws(FlagError) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    let value = parts.count > 1 ? String(parts[1]) : nil
    guard let flag = flags.first(where: { $0.name == name }) else {
      return skip("--\(name)", hasValue: value != nil, &rest)
    }
    try set(flag, value, &rest)
  }

  private mutating func readShort(
    _ text: Substring, _ rest: inout ArraySlice<String>, _ flags: [Flag]
  ) throws(FlagError) {
    let letter = text[text.startIndex]
    guard let flag = flags.first(where: { $0.shorthand == letter }) else {
      return skip("-\(text)", hasValue: text.contains("="), &rest)
    }
    var value = text.dropFirst()
    if value.hasPrefix("=") { value = value.dropFirst() }
    try set(flag, value.isEmpty ? nil : String(value), &rest)
  }

  /// Passes an unknown flag over, and what seems to be its value (pflag's rule).
  private mutating func skip(_ flag: String, hasValue: Bool, _ rest: inout ArraySlice<String>) {
    unknown.append(flag)
    if !hasValue, let next = rest.first, !next.hasPrefix("-") { rest.removeFirst() }
  }

  private mutating func set(
    _ flag: Flag, _ written: String?, _ rest: inout ArraySlice<String>
  ) throws(FlagError) {
    var value = written
    if value == nil { value = flag.kind == .truth ? "true" : rest.popFirst() }
    guard let value else { throw FlagError("The flag --\(flag.name) needs a value.") }
    guard flag.kind.takes(value) else {
      throw FlagError("The flag --\(flag.name) cannot be \"\(value)\".")
    }
    let isRepeated = flag.kind == .list && given.contains(flag.name)
    values[flag.name] = isRepeated ? "\(self[flag.name]),\(value)" : value
    given.insert(flag.name)
  }

  /// The value of a flag of the table.
  public subscript(name: String) -> String { values[name] ?? "" }

  /// The value of a flag that is a truth value.
  public func isTrue(_ name: String) -> Bool { Flag.truth(self[name]) ?? false }

  /// The value of a flag that is a duration.
  public func duration(_ name: String) -> Duration? { GoDuration.parse(self[name]) }
}

extension Flag {
  /// A truth value as Go writes it.
  public static func truth(_ text: String) -> Bool? {
    switch text {
    case "1", "t", "T", "true", "TRUE", "True": true
    case "0", "f", "F", "false", "FALSE", "False": false
    default: nil
    }
  }
}

extension Flag.Kind {
  fileprivate func takes(_ value: String) -> Bool {
    switch self {
    case .text, .list: true
    case .truth: Flag.truth(value) != nil
    case .duration: GoDuration.parse(value) != nil
    case .number: Double(value) != nil
    }
  }
}

/// Durations as Go writes them: `1h30m`, `100ms`, `2.5s`, `0`.
public enum GoDuration {
  /// The duration of a text; nil where it is none.
  public static func parse(_ text: String) -> Duration? {
    var rest = text[...]
    let isNegative = rest.hasPrefix("-")
    if isNegative || rest.hasPrefix("+") { rest = rest.dropFirst() }
    if rest == "0" { return .zero }
    guard !rest.isEmpty else { return nil }
    var seconds = 0.0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isNumber || $0 == "." }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(unit.count)
      guard let number = Double(digits), let factor = factors[String(unit)] else { return nil }
      seconds += number * factor
    }
    return .seconds(isNegative ? -seconds : seconds)
  }

  private static let factors: [String: Double] = [
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600,
  ]
}
