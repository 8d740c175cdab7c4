// SPDX-License-Identifier: Apache-2.0

/// How JSON is written.
public struct JSONFormat: Hashable, Sendable {
  /// In which order the members of an object are written.
  public enum KeyOrder: Hashable, Sendable {
    /// As they stand in the value.
    case written
    /// By their UTF-8 bytes, at every level.
    case sorted
  }

  /// The spaces of one level; nil is one line without any space.
  public var indent: Int?
  /// In which order members are written.
  public var keyOrder: KeyOrder

  /// A format.
  public init(indent: Int?, keyOrder: KeyOrder = .written) {
    self.indent = indent
    self.keyOrder = keyOrder
  }

  /// One line without any space.
  public static let compact = JSONFormat(indent: nil)
  /// A line a value, two spaces a level.
  public static let pretty = JSONFormat(indent: 2)
}

extension JSONValue {
  /// This value as JSON.
  ///
  /// What is written reads back equal: a double is the shortest text that is that double again,
  /// with a point or an exponent. JSON has no word for numbers that are not finite; they are
  /// written as protobuf's JSON has them, `"NaN"`, `"Infinity"` and `"-Infinity"`.
  public func text(_ format: JSONFormat = .compact) -> String {
    String(decoding: utf8(format), as: UTF8.self)
  }

  /// This value as the UTF-8 bytes of JSON.
  public func utf8(_ format: JSONFormat = .compact) -> [UInt8] {
    var printer = JSONPrinter(format: format)
    printer.write(self)
    return printer.output
  }
}

extension JSONObject {
  /// The members in the order asked for.
  public func members(in order: JSONFormat.KeyOrder) -> [Member] {
    switch order {
    case .written: members
    case .sorted: members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }
  }
}

/// The writer: bytes so far and the level.
private struct JSONPrinter {
  let format: JSONFormat
  var output: [UInt8] = []
  private var level = 0

  init(format: JSONFormat) { self.format = format }

  mutating func write(_ value: JSONValue) {
    switch value {
    case .null: append("null")
    case .bool(let value): append(value ? "true" : "false")
    case .integer(let value): append(String(value))
    case .double(let value): append(JSONValue.text(of: value))
    case .string(let value): append(quoting: value)
    case .array(let elements): write(elements)
    case .object(let object): write(object)
    }
  }

  private mutating func write(_ elements: [JSONValue]) {
    guard !elements.isEmpty else { return append("[]") }
    open("[")
    for (index, element) in elements.enumerated() {
      if index > 0 { append(",") }
      newLine()
      write(element)
    }
    close("]")
  }

  private mutating func write(_ object: JSONObject) {
    guard !object.isEmpty else { return append("{}") }
    open("{")
    for (index, member) in object.members(in: format.keyOrder).enumerated() {
      if index > 0 { append(",") }
      newLine()
      append(quoting: member.key)
      append(format.indent == nil ? ":" : ": ")
      write(member.value)
    }
    close("}")
  }

  private mutating func open(_ bracket: String) {
    append(bracket)
    level += 1
  }

  private mutating func close(_ bracket: String) {
    level -= 1
    newLine()
    append(bracket)
  }

  private mutating func newLine() {
    guard let indent = format.indent else { return }
    output.append(0x0A)
    output.append(contentsOf: repeatElement(0x20, count: indent * level))
  }

  private mutating func append(_ text: String) { output.append(contentsOf: text.utf8) }

  private mutating func append(quoting text: String) {
    output.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        output.append(UInt8(ascii: "\\"))
        output.append(byte)
      case 0x08: append("\\b")
      case 0x09: append("\\t")
      case 0x0A: append("\\n")
      case 0x0C: append("\\f")
      case 0x0D: append("\\r")
      case 0..<0x20: append(byte < 0x10 ? "\\u000" : "\\u00"); append(String(byte, radix: 16))
      default: output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
  }
}

extension JSONValue {
  /// A number as JSON: whole numbers below 10^21 as digits with `.0`, others as Swift has them.
  static func text(of value: Double) -> String {
    guard value.isFinite else {
      return value.isNaN ? "\"NaN\"" : value < 0 ? "\"-Infinity\"" : "\"Infinity\""
    }
    let shortest = value.description
    guard let mark = shortest.firstIndex(of: "e"), abs(value) >= 1, abs(value) < 1e21 else {
      return shortest
    }
    let exponent = Int(shortest[shortest.index(after: mark)...]) ?? 0
    let digits = shortest[..<mark].filter { $0 != "." && $0 != "-" }
    let zeros = String(repeating: "0", count: max(0, exponent + 1 - digits.count))
    return (value < 0 ? "-" : "") + digits + zeros + ".0"
  }
}
