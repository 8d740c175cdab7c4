// SPDX-License-Identifier: Apache-2.0

/// The value of a field that is attached to a message.
public enum LogValue: Sendable, Hashable, ExpressibleByStringInterpolation,
  ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral,
  CustomStringConvertible
{
  /// A text.
  case string(String)
  /// A whole number.
  case integer(Int)
  /// A number; not finite ones are written as texts in JSON.
  case double(Double)
  /// A truth value.
  case bool(Bool)

  /// A text.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A whole number.
  public init(integerLiteral value: Int) { self = .integer(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .double(value) }
  /// A truth value.
  public init(booleanLiteral value: Bool) { self = .bool(value) }

  /// The value as the console format writes it.
  public var description: String {
    switch self {
    case .string(let value): value
    case .integer(let value): String(value)
    case .double(let value): String(value)
    case .bool(let value): String(value)
    }
  }
}

/// A named value that is attached to a message.
public struct LogField: Sendable, Hashable {
  /// The name.
  public var key: String
  /// The value.
  public var value: LogValue

  /// A field of `key` and `value`.
  public init(_ key: String, _ value: LogValue) {
    self.key = key
    self.value = value
  }
}
