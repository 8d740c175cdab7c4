// SPDX-License-Identifier: Apache-2.0

extension JSONParser {
  /// A number: RFC 8259, section 6.
  mutating func number() throws(JSONParseError) -> JSONValue {
    let start = position
    _ = take(UInt8(ascii: "-"))
    if !take(UInt8(ascii: "0")) { try digits() }
    var isInteger = true
    if take(UInt8(ascii: ".")) {
      isInteger = false
      try digits()
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      isInteger = false
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let value = Int64(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else {
      throw error(at: start, "the number is out of range")
    }
    return .double(value)
  }

  private mutating func digits() throws(JSONParseError) {
    let start = position
    while let byte = peek, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
    guard position > start else { throw unexpected("where a digit belongs") }
  }

  /// A string: RFC 8259, section 7.
  mutating func string() throws(JSONParseError) -> String {
    let start = position
    position += 1
    let plain = position
    while let byte = peek, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
      position += 1
    }
    if peek == UInt8(ascii: "\"") {
      defer { position += 1 }
      return try text(bytes[plain..<position], from: plain)
    }
    var unescaped = Array(bytes[plain..<position])
    while !take(UInt8(ascii: "\"")) {
      guard let byte = peek else { throw error(at: start, "the string is not closed") }
      guard byte >= 0x20 else { throw unexpected("inside a string, where it must be escaped") }
      position += 1
      if byte == UInt8(ascii: "\\") {
        try escape(into: &unescaped)
      } else {
        unescaped.append(byte)
      }
    }
    return try text(unescaped, from: start)
  }

  private func text(
    _ utf8: some Collection<UInt8>, from start: Int
  ) throws(JSONParseError) -> String {
    guard let text = String(validating: utf8, as: UTF8.self) else {
      throw error(at: start, "the string is not valid UTF-8")
    }
    return text
  }

  private mutating func escape(into utf8: inout [UInt8]) throws(JSONParseError) {
    guard let byte = peek else { throw unexpected("inside an escape") }
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): utf8.append(byte)
    case UInt8(ascii: "b"): utf8.append(0x08)
    case UInt8(ascii: "f"): utf8.append(0x0C)
    case UInt8(ascii: "n"): utf8.append(0x0A)
    case UInt8(ascii: "r"): utf8.append(0x0D)
    case UInt8(ascii: "t"): utf8.append(0x09)
    case UInt8(ascii: "u"):
      let scalar = try unicodeEscape()
      utf8.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      return
    default: throw unexpected("after '\\'")
    }
    position += 1
  }

  /// `uXXXX`, or two of them that are a surrogate pair.
  private mutating func unicodeEscape() throws(JSONParseError) -> Unicode.Scalar {
    let start = position - 1
    let first = try hexUnit()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xDC00, take(UInt8(ascii: "\\")), peek == UInt8(ascii: "u") else {
      throw error(at: start, "the escape is a surrogate without its other half")
    }
    let second = try hexUnit()
    guard second >= 0xDC00, second <= 0xDFFF,
      let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    else { throw error(at: start, "the escape is a surrogate without its other half") }
    return scalar
  }

  /// The number in `uXXXX`, and a step past it.
  private mutating func hexUnit() throws(JSONParseError) -> UInt32 {
    position += 1
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = peek.flatMap({ Character(Unicode.Scalar($0)).hexDigitValue }) else {
        throw unexpected("where a hexadecimal digit belongs")
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }
}
