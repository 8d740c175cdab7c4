// SPDX-License-Identifier: Apache-2.0

import JSON

/// How a scalar is written so that it reads back equal.
enum ScalarPrinter {
  /// A scalar, or an empty list or object, on one line.
  static func text(of value: JSONValue) -> String {
    if case .string(let text) = value { return inline(text) }
    return value.text()
  }

  /// A text on one line, quoted where it must be.
  static func inline(_ text: String) -> String { isPlain(text) ? text : quoted(text) }

  /// Whether a text of several lines can be a literal block.
  ///
  /// Blocks whose first line is empty or indented, that end in several line breaks, or that hold
  /// what YAML does not let stand as it is, are quoted instead.
  static func isBlock(_ text: String) -> Bool {
    guard text.utf8.contains(0x0A), let first = text.utf8.first, first != 0x0A, first != 0x20,
      first != 0x09, !text.utf8.suffix(2).elementsEqual([0x0A, 0x0A])
    else { return false }
    return text.unicodeScalars.allSatisfy { $0 == "\n" || $0 == "\t" || isPrintable($0) }
  }

  /// Whether a text can stand unquoted for every reader of YAML 1.1 or 1.2.
  private static func isPlain(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 200 else { return false }
    let startsWithDigit = isDigit(first)
    guard startsWithDigit || isLetter(first) || first == UInt8(ascii: "/") || first == 0x5F else {
      return false
    }
    // Of what begins with a digit, only addresses are left plain: no number, date or time has
    // two points.
    if startsWithDigit, text.utf8.count(where: { $0 == UInt8(ascii: ".") }) < 2 { return false }
    var previous: UInt8 = 0
    for byte in text.utf8 {
      guard isPlain(byte), !startsWithDigit || (byte != UInt8(ascii: ":") && byte != 0x20),
        !(byte == 0x20 && (previous == UInt8(ascii: ":") || previous == 0x20))
      else { return false }
      previous = byte
    }
    guard previous != UInt8(ascii: ":"), previous != 0x20 else { return false }
    return ScalarResolver.resolve(text) == .string(text) && ScalarResolver.legacyBool(text) == nil
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    if isLetter(byte) || isDigit(byte) { return true }
    switch byte {
    case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "/"),
      UInt8(ascii: "@"), UInt8(ascii: "+"), UInt8(ascii: "="), UInt8(ascii: "*"),
      UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ";"), UInt8(ascii: "$"),
      UInt8(ascii: "^"), UInt8(ascii: "|"), UInt8(ascii: "?"), UInt8(ascii: "~"),
      UInt8(ascii: ":"), 0x20:
      return true
    default: return false
    }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    let lower = byte | 0x20
    return lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z")
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  /// Whether YAML lets a character stand as it is within one line: YAML 1.1, section 4.1.1.
  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD,
      0x10000...0x10FFFF:
      true
    default: false
    }
  }

  private static func quoted(_ text: String) -> String {
    var output = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\""
      case "\\": output += "\\\\"
      case "\n": output += "\\n"
      case "\r": output += "\\r"
      case "\t": output += "\\t"
      case _ where isPrintable(scalar): output.unicodeScalars.append(scalar)
      default:
        let digits = String(scalar.value, radix: 16)
        output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      }
    }
    return output + "\""
  }
}
