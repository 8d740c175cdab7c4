// SPDX-License-Identifier: Apache-2.0

extension JSONValue {
  /// Reads one JSON text as RFC 8259 has it, and nothing laxer.
  ///
  /// A repeated key, a lone surrogate, bytes that are not UTF-8, a byte order mark and a number
  /// beyond the range of a double are errors. A number without fraction and exponent that does not
  /// fit 64 bits becomes a double.
  public init(
    parsing bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits = JSONLimits()
  ) throws(JSONParseError) {
    var parser = JSONParser(bytes: bytes, limits: limits)
    self = try parser.document()
  }

  /// Reads one JSON text from an array of UTF-8 bytes.
  public init(
    parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()
  ) throws(JSONParseError) {
    self = try bytes.withUnsafeBufferPointer { buffer throws(JSONParseError) in
      try JSONValue(parsing: buffer, limits: limits)
    }
  }

  /// Reads one JSON text.
  public init(
    parsing text: String, limits: JSONLimits = JSONLimits()
  ) throws(JSONParseError) {
    self = try JSONValue(parsing: Array(text.utf8), limits: limits)
  }
}

/// The reader: a position in bytes that are lent for the length of one call.
struct JSONParser {
  let bytes: UnsafeBufferPointer<UInt8>
  let limits: JSONLimits
  var position = 0
  private var depth = 0

  init(bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) {
    self.bytes = bytes
    self.limits = limits
  }

  mutating func document() throws(JSONParseError) -> JSONValue {
    guard bytes.count <= limits.bytes else {
      throw error(at: 0, "the text has \(bytes.count) bytes, more than the limit \(limits.bytes)")
    }
    skipSpace()
    let value = try value()
    skipSpace()
    guard position == bytes.count else { throw unexpected("after the value") }
    return value
  }

  private mutating func value() throws(JSONParseError) -> JSONValue {
    switch peek ?? 0 {
    case UInt8(ascii: "{"): return try nested { p throws(JSONParseError) in try p.object() }
    case UInt8(ascii: "["): return try nested { p throws(JSONParseError) in try p.list() }
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: throw unexpected("where a value belongs")
    }
  }

  private mutating func nested(
    _ body: (inout JSONParser) throws(JSONParseError) -> JSONValue
  ) throws(JSONParseError) -> JSONValue {
    guard depth < limits.depth else {
      throw error(at: position, "nested deeper than \(limits.depth) levels")
    }
    depth += 1
    defer { depth -= 1 }
    position += 1
    skipSpace()
    return try body(&self)
  }

  private mutating func object() throws(JSONParseError) -> JSONValue {
    var members: [JSONObject.Member] = []
    var keys = KeySet()
    if take(UInt8(ascii: "}")) { return .object(JSONObject()) }
    repeat {
      skipSpace()
      let start = position
      guard peek == UInt8(ascii: "\"") else { throw unexpected("where a key belongs") }
      let key = try string()
      guard keys.insert(key, among: members) else {
        throw error(at: start, "duplicate key \(JSONValue.string(key).text())")
      }
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw unexpected("where ':' belongs") }
      skipSpace()
      members.append(JSONObject.Member(key, try value()))
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw unexpected("where ',' or '}' belongs") }
    return .object(JSONObject(distinct: members))
  }

  private mutating func list() throws(JSONParseError) -> JSONValue {
    var elements: [JSONValue] = []
    if take(UInt8(ascii: "]")) { return .array([]) }
    repeat {
      skipSpace()
      elements.append(try value())
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw unexpected("where ',' or ']' belongs") }
    return .array(elements)
  }

  private mutating func word(
    _ word: StaticString, _ value: JSONValue
  ) throws(JSONParseError) -> JSONValue {
    let end = position + word.utf8CodeUnitCount
    let expected = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    guard end <= bytes.count, bytes[position..<end].elementsEqual(expected) else {
      throw unexpected("where a value belongs")
    }
    position = end
    return value
  }
}

extension JSONParser {
  /// The byte at the position; nil at the end.
  var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func take(_ byte: UInt8) -> Bool {
    guard peek == byte else { return false }
    position += 1
    return true
  }

  mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  /// The error of finding at the position what does not belong there.
  func unexpected(_ place: String) -> JSONParseError {
    switch peek {
    case nil: error(at: position, "the text ends \(place)")
    case let byte? where byte > 0x20 && byte < 0x7F:
      error(at: position, "unexpected '\(Character(Unicode.Scalar(byte)))' \(place)")
    case let byte?: error(at: position, "unexpected byte 0x\(String(byte, radix: 16)) \(place)")
    }
  }

  /// An error at an offset, whose line and column are counted only now.
  func error(at offset: Int, _ reason: String) -> JSONParseError {
    let before = bytes[..<min(offset, bytes.count)]
    let line = before.count { $0 == 0x0A } + 1
    let start = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    let column = before[start...].count { $0 & 0xC0 != 0x80 } + 1
    return JSONParseError(line: line, column: column, reason: reason)
  }
}

/// The keys of one object so far; hashed only once there are many.
package struct KeySet {
  private var hashed: Set<String> = []

  package init() {}

  /// Adds the key that follows `members`; false if one of them has it.
  package mutating func insert(_ key: String, among members: [JSONObject.Member]) -> Bool {
    if members.count < 16 { return !members.contains { $0.key == key } }
    if hashed.isEmpty { hashed = Set(members.map(\.key)) }
    return hashed.insert(key).inserted
  }
}
