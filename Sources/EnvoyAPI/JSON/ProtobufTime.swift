// SPDX-License-Identifier: Apache-2.0

/// The texts of google.protobuf.Duration and Timestamp, from and to seconds and nanoseconds.
enum ProtobufTime {
  private static let nanosInSecond: Int64 = 1_000_000_000
  private static let secondsInDay: Int64 = 86_400
  /// The bound of google/protobuf/duration.proto, about 10,000 years.
  private static let durationBound: Int64 = 315_576_000_000
  /// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the bounds of google/protobuf/timestamp.proto.
  private static let timestampBounds: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

  /// `1.500s`: a fraction of 0, 3, 6 or 9 digits.
  static func durationText(seconds: Int64, nanos: Int32) -> String {
    let sign = seconds < 0 || nanos < 0 ? "-" : ""
    return "\(sign)\(seconds.magnitude)\(fraction(nanos.magnitude))s"
  }

  /// `2026-01-01T00:00:00Z`: in UTC, with a fraction of 0, 3, 6 or 9 digits.
  static func timestampText(seconds: Int64, nanos: Int32) -> String {
    let division = seconds.quotientAndRemainder(dividingBy: secondsInDay)
    let isBefore = division.remainder < 0
    let date = CivilDate(daysSinceEpoch: division.quotient - (isBefore ? 1 : 0))
    let rest = division.remainder + (isBefore ? secondsInDay : 0)
    let clock = [rest / 3600, rest / 60 % 60, rest % 60].map { padded($0.magnitude, 2) }
    return padded(date.year.magnitude, 4) + "-" + padded(date.month.magnitude, 2) + "-"
      + padded(date.day.magnitude, 2) + "T" + clock.joined(separator: ":")
      + fraction(nanos.magnitude) + "Z"
  }

  private static func fraction(_ nanos: UInt32) -> String {
    guard nanos > 0 else { return "" }
    if nanos % 1_000_000 == 0 { return "." + padded(UInt64(nanos / 1_000_000), 3) }
    if nanos % 1_000 == 0 { return "." + padded(UInt64(nanos / 1_000), 6) }
    return "." + padded(UInt64(nanos), 9)
  }

  private static func padded(_ number: UInt64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

extension ProtobufTime {
  /// Seconds and nanoseconds of one sign of a text such as `1.5s`; nil for other texts.
  static func duration(_ text: String) -> (seconds: Int64, nanos: Int32)? {
    var rest = Substring(text)
    guard rest.popLast() == "s" else { return nil }
    let negative = rest.first == "-"
    if negative { rest.removeFirst() }
    guard let value = decimal(rest), value.seconds <= durationBound else { return nil }
    return negative ? (-value.seconds, -value.nanos) : value
  }

  /// Seconds since 1970 and nanoseconds of a text of RFC 3339; nil for other texts.
  static func timestamp(_ text: String) -> (seconds: Int64, nanos: Int32)? {
    let utf8 = Array(text.utf8)
    guard utf8.count >= 20, utf8[4] == 45, utf8[7] == 45, utf8[10] | 32 == 116,
      utf8[13] == 58, utf8[16] == 58,
      let year = number(utf8[0..<4]), let month = number(utf8[5..<7]),
      let day = number(utf8[8..<10]), let hour = number(utf8[11..<13]), hour < 24,
      let minute = number(utf8[14..<16]), minute < 60,
      let date = CivilDate(year: year, month: month, day: day),
      let zone = utf8[17...].firstIndex(where: { $0 | 32 == 122 || $0 == 43 || $0 == 45 }),
      let second = decimal(Substring(decoding: utf8[17..<zone], as: UTF8.self)),
      second.seconds < 60, let offset = offset(utf8[zone...])
    else { return nil }
    let clock = hour * 3600 + minute * 60 + second.seconds - offset
    let seconds = date.daysSinceEpoch * secondsInDay + clock
    return timestampBounds.contains(seconds) ? (seconds, second.nanos) : nil
  }

  /// `Z` or `+01:00`, in seconds.
  private static func offset(_ text: ArraySlice<UInt8>) -> Int64? {
    guard let sign = text.first else { return nil }
    if sign | 32 == 122 { return text.count == 1 ? 0 : nil }
    let start = text.startIndex
    guard text.count == 6, text[start + 3] == 58, let hours = number(text[start + 1..<start + 3]),
      let minutes = number(text[start + 4..<start + 6]), hours < 24, minutes < 60
    else { return nil }
    return (sign == 45 ? -1 : 1) * (hours * 3600 + minutes * 60)
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
    guard digits.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
    return Int64(String(decoding: digits, as: UTF8.self))
  }

  /// Digits with a fraction of at most nine.
  private static func decimal(_ text: Substring) -> (seconds: Int64, nanos: Int32)? {
    let parts = text.utf8.split(separator: 46, omittingEmptySubsequences: false)
    guard parts.count <= 2, let whole = parts.first, !whole.isEmpty,
      let seconds = number(ArraySlice(whole))
    else { return nil }
    guard parts.count == 2 else { return (seconds, 0) }
    guard (1...9).contains(parts[1].count), let fraction = number(ArraySlice(parts[1])) else {
      return nil
    }
    let scale = (parts[1].count..<9).reduce(Int64(1)) { product, _ in product * 10 }
    return (seconds, Int32(fraction * scale))
  }
}

/// A day of the Gregorian calendar.
///
/// The arithmetic counts years from March, so that a leap day is the last of its year, and 400 years
/// as 146,097 days.
private struct CivilDate {
  var year: Int64
  var month: Int64
  var day: Int64

  /// A date, nil where there is none such.
  init?(year: Int64, month: Int64, day: Int64) {
    self.year = year
    self.month = month
    self.day = day
    guard (1...12).contains(month), day >= 1 else { return nil }
    let same = CivilDate(daysSinceEpoch: daysSinceEpoch)
    guard same.month == month, same.day == day else { return nil }
  }

  init(daysSinceEpoch days: Int64) {
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    let total = days + 719_468
    let era = (total >= 0 ? total : total - 146_096) / 146_097
    let dayOfEra = total - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  var daysSinceEpoch: Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
