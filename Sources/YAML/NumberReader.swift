// SPDX-License-Identifier: Apache-2.0

import JSON

/// Numbers as go-yaml reads them.
enum NumberReader {
  /// The number that a plain scalar is; nil if it is none.
  ///
  /// Infinities and NaN come as such. An integer that does not fit 64 bits becomes a double.
  static func number(_ text: String) -> JSONValue? {
    if let special = special(text) { return .double(special) }
    let digits = text.utf8.filter { $0 != UInt8(ascii: "_") }
    let sign = digits.first == UInt8(ascii: "-") || digits.first == UInt8(ascii: "+") ? 1 : 0
    let body = digits[sign...]
    guard let first = body.first else { return nil }
    if first == UInt8(ascii: "0"), let (radix, start) = radix(of: body) {
      let number = String(decoding: digits[..<sign] + body[start...], as: UTF8.self)
      // Int64 takes a sign of its own; what stands behind the prefix must begin with a digit.
      if start < body.endIndex, isDigit(body[start], radix), let value = Int64(number, radix: radix)
      {
        return .integer(value)
      }
    }
    guard isDecimal(body) else { return nil }
    let number = String(decoding: digits, as: UTF8.self)
    if body.allSatisfy({ isDigit($0, 10) }), let value = Int64(number) { return .integer(value) }
    guard let value = Double(number), value.isFinite else { return nil }
    return .double(value)
  }

  private static func special(_ text: String) -> Double? {
    switch text {
    case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": .infinity
    case "-.inf", "-.Inf", "-.INF": -.infinity
    case ".nan", ".NaN", ".NAN": .nan
    default: nil
    }
  }

  /// The radix that the beginning of digits names, and the index of the first digit after it.
  private static func radix(of body: ArraySlice<UInt8>) -> (Int, Int)? {
    guard body.count > 1 else { return nil }
    switch body[body.startIndex + 1] | 0x20 {
    case UInt8(ascii: "x"): return (16, body.startIndex + 2)
    case UInt8(ascii: "o"): return (8, body.startIndex + 2)
    case UInt8(ascii: "b"): return (2, body.startIndex + 2)
    default: return (8, body.startIndex + 1)
    }
  }

  /// Whether this is `1`, `1.`, `1.5` or `.5`, perhaps with an exponent.
  private static func isDecimal(_ body: ArraySlice<UInt8>) -> Bool {
    let whole = body.prefix { isDigit($0, 10) }
    var rest = body[whole.endIndex...]
    var fraction: ArraySlice<UInt8> = []
    if rest.first == UInt8(ascii: ".") {
      fraction = rest.dropFirst().prefix { isDigit($0, 10) }
      rest = rest[fraction.endIndex...]
    }
    guard !whole.isEmpty || !fraction.isEmpty else { return false }
    guard let mark = rest.first else { return true }
    guard mark | 0x20 == UInt8(ascii: "e") else { return false }
    rest = rest.dropFirst()
    if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") {
      rest = rest.dropFirst()
    }
    return !rest.isEmpty && rest.allSatisfy { isDigit($0, 10) }
  }

  private static func isDigit(_ byte: UInt8, _ radix: Int) -> Bool {
    guard let value = Character(Unicode.Scalar(byte)).hexDigitValue else { return false }
    return value < radix
  }
}
