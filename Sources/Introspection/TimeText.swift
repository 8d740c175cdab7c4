// SPDX-License-Identifier: Apache-2.0

import Configuration

/// Times as RFC 3339 writes them, in UTC.
enum TimeText {
  /// The time `seconds` after 1970 began, to the millisecond, such as `2026-01-31T10:00:00.250Z`.
  static func rfc3339(_ seconds: Double) -> String {
    guard seconds.isFinite, abs(seconds) < 250_000_000_000 else { return "" }
    let milliseconds = Int64((seconds * 1000).rounded(.down))
    let fraction = (milliseconds % 1000 + 1000) % 1000
    let whole = Timestamp.text((milliseconds - fraction) / 1000)
    guard fraction != 0 else { return whole }
    let digits = String(1000 + fraction).dropFirst()
    return whole.dropLast() + "." + digits + "Z"
  }
}
