// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A moment of the wall clock in UTC.
public struct LogTime: Sendable, Hashable {
  /// Whole seconds since 1970-01-01T00:00:00Z.
  public var seconds: Int64
  /// Microseconds within the second, 0 to 999,999.
  public var microseconds: Int32

  /// A moment from its parts.
  public init(seconds: Int64, microseconds: Int32 = 0) {
    self.seconds = seconds
    self.microseconds = microseconds
  }

  /// What the system's real-time clock says.
  public static func now() -> LogTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return LogTime(seconds: Int64(time.tv_sec), microseconds: Int32(time.tv_nsec / 1000))
  }

  /// The calendar day and the seconds within it (Howard Hinnant's days-to-civil algorithm).
  private var civil: (year: Int64, month: Int64, day: Int64, second: Int64) {
    let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, day, seconds - days * 86_400)
  }

  /// Appends `2026-08-22T15:00:18.123456Z`.
  func append(to line: inout [UInt8]) {
    let (year, month, day, second) = civil
    for (value, width, mark) in [
      (year, 4, "-"), (month, 2, "-"), (day, 2, "T"), (second / 3600, 2, ":"),
      (second / 60 % 60, 2, ":"), (second % 60, 2, "."), (Int64(microseconds), 6, "Z"),
    ] as [(Int64, Int, StaticString)] {
      appendPadded(value, width: width, to: &line)
      line.append(mark.utf8Start.pointee)
    }
  }
}

private func appendPadded(_ value: Int64, width: Int, to line: inout [UInt8]) {
  var divisor: Int64 = 1
  for _ in 1..<width { divisor *= 10 }
  while divisor > 0 {
    line.append(UInt8(ascii: "0") + UInt8((value / divisor) % 10))
    divisor /= 10
  }
}
