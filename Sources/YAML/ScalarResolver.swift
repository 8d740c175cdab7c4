// SPDX-License-Identifier: Apache-2.0

import JSON

/// What a scalar means: the rules of go-yaml's `resolve`, with YAML 1.2's truth values.
enum ScalarResolver {
  /// Why a scalar does not mean what its tag says.
  struct Problem: Error {
    var reason: String
  }

  /// The value of a scalar.
  static func value(
    of text: String, tag: String?, plain: Bool
  ) -> Result<JSONValue, Problem> {
    let prefix = "tag:yaml.org,2002:"
    let name = tag.map { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : "!" }
    let value: JSONValue? =
      switch name {
      case nil: plain ? resolve(text) : .string(text)
      case "int": integer(text)
      case "float": float(text)
      case "bool": bool(text) ?? legacyBool(text)
      case "null": isNull(text) ? .null : nil
      case "binary": binary(text)
      default: .string(text)
      }
    guard let value else {
      let what = name == "binary" ? "base64 of UTF-8 text" : "of the type that its tag names"
      return .failure(Problem(reason: "'\(text)' is not \(what)"))
    }
    if case .double(let number) = value, !number.isFinite {
      return .failure(Problem(reason: "'\(text)' is a number that JSON cannot hold"))
    }
    return .success(value)
  }

  /// The text of a key that is a scalar; nil if it is null or contradicts its tag.
  static func key(_ event: Event) -> String? {
    switch value(of: event.text, tag: event.tag, plain: event.plain) {
    case .success(let value): key(value)
    case .failure: event.tag == nil ? event.text : nil  // `.inf` and its kin
    }
  }

  /// The text of a value as a key; nil of null and of what is not a scalar.
  static func key(_ value: JSONValue) -> String? {
    switch value {
    case .string(let text): text
    case .bool, .integer: value.text()
    case .double:
      value.text().hasSuffix(".0") ? String(value.text().dropLast(2)) : value.text()
    case .null, .array, .object: nil
    }
  }

  /// The meaning of a plain scalar without a tag.
  static func resolve(_ text: String) -> JSONValue {
    guard let first = text.utf8.first else { return .null }
    switch first {
    case UInt8(ascii: "~"), UInt8(ascii: "n"), UInt8(ascii: "N"):
      if isNull(text) { return .null }
    case UInt8(ascii: "t"), UInt8(ascii: "T"), UInt8(ascii: "f"), UInt8(ascii: "F"):
      if let value = bool(text) { return value }
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
      UInt8(ascii: "."):
      if let value = NumberReader.number(text) { return value }
    default: break
    }
    return .string(text)
  }

  private static func isNull(_ text: String) -> Bool {
    text.isEmpty || text == "~" || text == "null" || text == "Null" || text == "NULL"
  }

  private static func bool(_ text: String) -> JSONValue? {
    switch text {
    case "true", "True", "TRUE": true
    case "false", "False", "FALSE": false
    default: nil
    }
  }

  /// YAML 1.1's other truth values, which only a tag makes such.
  static func legacyBool(_ text: String) -> JSONValue? {
    switch text {
    case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON": true
    case "n", "N", "no", "No", "NO", "off", "Off", "OFF": false
    default: nil
    }
  }

  private static func integer(_ text: String) -> JSONValue? {
    guard case .integer(let value)? = NumberReader.number(text) else { return nil }
    return .integer(value)
  }

  private static func float(_ text: String) -> JSONValue? {
    switch NumberReader.number(text) {
    case .integer(let value)?: .double(Double(value))
    case .double(let value)?: .double(value)
    default: nil
    }
  }

  private static func binary(_ text: String) -> JSONValue? {
    guard let bytes = Base64.decode(text) else { return nil }
    return String(validating: bytes, as: UTF8.self).map { .string($0) }
  }
}

/// Base64 with the alphabet of RFC 4648, section 4; line breaks and spaces are skipped.
enum Base64 {
  /// The bytes; nil if the text is not base64, padded to whole groups of four.
  static func decode(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    var (bits, digits, padding) = (UInt32(0), 0, 0)
    for byte in text.utf8 where byte != 0x0A && byte != 0x0D && byte != 0x20 && byte != 0x09 {
      if byte == UInt8(ascii: "=") {
        padding += 1
        continue
      }
      guard padding == 0, let digit = value(of: byte) else { return nil }
      bits = bits << 6 | digit
      digits += 1
      if digits % 4 != 1 { bytes.append(UInt8(truncatingIfNeeded: bits >> shift(digits))) }
    }
    guard (digits + padding) % 4 == 0, padding <= 2 else { return nil }
    return bytes
  }

  /// The bits that follow the byte completed by the digit number `digits`.
  private static func shift(_ digits: Int) -> Int {
    switch digits % 4 {
    case 2: 4
    case 3: 2
    default: 0
    }
  }

  private static func value(of byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
