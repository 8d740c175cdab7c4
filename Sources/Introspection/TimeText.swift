// SPDX-License-Identifier: Apache-2.0

/// Times as RFC 3339 writes them, in UTC.
enum TimeText {
  /// The time `seconds` after 1970 began, to the millisecond, such as `2026-01-31T10:00:00.250Z`.
  static func rfc3339(_ seconds: Double) -> String {
    guard seconds.isFinite, abs(seconds) < 250_000_000_000 else { return "" }
    let milliseconds = Int64((seconds * 1000).rounded(.down))
    let (day, time) = milliseconds.flooredDivision(by: 86_400_000)
    let date = calendarDate(daysSince1970: day)
    let fraction = time % 1000
    return padded(date.year, 4) + "-" + padded(date.month, 2) + "-" + padded(date.day, 2)
      + "T" + padded(time / 3_600_000, 2) + ":" + padded(time / 60_000 % 60, 2)
      + ":" + padded(time / 1000 % 60, 2) + (fraction == 0 ? "" : "." + padded(fraction, 3)) + "Z"
  }

  /// The day of the Gregorian calendar; years that begin in March put the leap day at their end.
  private static func calendarDate(
    daysSince1970: Int64
  ) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = (daysSince1970 + 719_468).flooredDivision(by: 146_097)
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

extension Int64 {
  fileprivate func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}
