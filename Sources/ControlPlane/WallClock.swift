// SPDX-License-Identifier: Apache-2.0

import Configuration
import Glibc

/// The time of day.
enum WallClock {
  /// The seconds since 1970.
  static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// The time as RFC 3339 writes it, with microseconds.
  static func text() -> String {
    let now = now()
    let micros = String(Int64(now.truncatingRemainder(dividingBy: 1) * 1_000_000))
    let fraction = String(repeating: "0", count: 6 - micros.utf8.count) + micros
    return Timestamp.text(Int64(now)).dropLast() + "." + fraction + "Z"
  }
}
