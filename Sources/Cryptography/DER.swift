// SPDX-License-Identifier: Apache-2.0

/// Values of ASN.1 as they are written: what this room reads and writes of them by itself.
///
/// Reading is strict: lengths are definite and as short as they can be, and nothing goes beyond its end.
enum DER {
  static let integer: UInt8 = 0x02
  static let bitString: UInt8 = 0x03
  static let octetString: UInt8 = 0x04
  static let objectIdentifier: UInt8 = 0x06
  static let utcTime: UInt8 = 0x17
  static let generalizedTime: UInt8 = 0x18
  static let sequence: UInt8 = 0x30
  /// The first tag of a context, whose value holds others.
  static let context: UInt8 = 0xa0

  /// How deep values may lie in each other.
  private static let depth = 12

  /// A value, as part of what it was read from.
  struct Value {
    var tag: UInt8
    var contents: ArraySlice<UInt8>
    /// The value with its tag and its length.
    var whole: ArraySlice<UInt8>
  }

  /// Takes the value at the beginning; nil where there is none.
  static func take(_ bytes: inout ArraySlice<UInt8>) -> Value? {
    let start = bytes.startIndex
    guard bytes.count >= 2 else { return nil }
    let tag = bytes[start]
    // Tags of more than one byte are none of ours.
    guard tag & 0x1f != 0x1f else { return nil }
    var (at, length) = (start + 2, Int(bytes[start + 1]))
    if length >= 0x80 {
      let count = length - 0x80
      guard (1...3).contains(count), bytes.endIndex - at >= count else { return nil }
      length = bytes[at..<at + count].reduce(0) { $0 << 8 | Int($1) }
      guard length >= 0x80, bytes[at] != 0 else { return nil }
      at += count
    }
    guard bytes.endIndex - at >= length else { return nil }
    let end = at + length
    defer { bytes = bytes[end...] }
    return Value(tag: tag, contents: bytes[at..<end], whole: bytes[start..<end])
  }

  /// Takes a value of a tag; nil where the next one is another.
  static func take(_ tag: UInt8, _ bytes: inout ArraySlice<UInt8>) -> Value? {
    guard bytes.first == tag else { return nil }
    return take(&bytes)
  }

  /// The one value of a tag that bytes are; nil where they are not.
  static func only(_ tag: UInt8, _ bytes: ArraySlice<UInt8>) -> Value? {
    var rest = bytes
    guard let value = take(tag, &rest), rest.isEmpty else { return nil }
    return value
  }

  /// Whether bytes are whole values, as is all that lies in them.
  static func isWellFormed(_ bytes: ArraySlice<UInt8>, depth: Int = 0) -> Bool {
    guard depth < DER.depth else { return false }
    var rest = bytes
    while !rest.isEmpty {
      guard let value = take(&rest) else { return false }
      let isConstructed = value.tag & 0x20 != 0
      guard !isConstructed || isWellFormed(value.contents, depth: depth + 1) else { return false }
    }
    return true
  }

  // MARK: Writing

  /// A value of a tag and what it holds.
  static func value(_ tag: UInt8, _ contents: [UInt8]) -> [UInt8] {
    var written: [UInt8] = []
    written.reserveCapacity(contents.count + 4)
    append(tag, contents, to: &written)
    return written
  }

  /// Appends a value of a tag and what it holds.
  static func append(_ tag: UInt8, _ contents: [UInt8], to bytes: inout [UInt8]) {
    appendHead(tag, contents.count, to: &bytes)
    bytes += contents
  }

  /// Appends the tag and the length of a value.
  static func appendHead(_ tag: UInt8, _ count: Int, to bytes: inout [UInt8]) {
    bytes.append(tag)
    if count < 0x80 { return bytes.append(UInt8(count)) }
    var length: [UInt8] = []
    var left = count
    while left > 0 {
      length.insert(UInt8(truncatingIfNeeded: left), at: 0)
      left >>= 8
    }
    bytes.append(0x80 | UInt8(length.count))
    bytes += length
  }

  /// A positive number, big-endian.
  static func number(_ magnitude: [UInt8]) -> [UInt8] {
    let digits = magnitude.drop { $0 == 0 }
    guard let first = digits.first else { return value(integer, [0]) }
    return value(integer, (first >= 0x80 ? [0] : []) + digits)
  }

  /// A moment in seconds since 1970, in the form that RFC 5280 asks for: with two digits of the year
  /// before 2050, with four from then on.
  static func time(_ seconds: Int64) -> [UInt8] {
    let date = CivilTime(seconds)
    let parts = [date.month, date.day, date.hour, date.minute, date.second]
    let isShort = (1950..<2050).contains(date.year)
    var text: [UInt8] = []
    if !isShort { appendDigits(date.year / 100, to: &text) }
    appendDigits(date.year % 100, to: &text)
    for part in parts { appendDigits(part, to: &text) }
    text.append(UInt8(ascii: "Z"))
    return value(isShort ? utcTime : generalizedTime, text)
  }

  private static func appendDigits(_ number: Int, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "0") + UInt8(number / 10 % 10))
    text.append(UInt8(ascii: "0") + UInt8(number % 10))
  }
}

/// A date and a time of day, in UTC.
private struct CivilTime {
  var (year, month, day, hour, minute, second) = (0, 0, 0, 0, 0, 0)

  /// The date of a moment in seconds since 1970.
  init(_ seconds: Int64) {
    let days = Int(seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400)
    let rest = Int(seconds - Int64(days) * 86_400)
    (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60)
    // Years begin in March here, so that the day that not all have is their last one.
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }
}
