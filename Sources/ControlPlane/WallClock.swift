// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The time of day.
enum WallClock {
  /// The seconds since 1970.
  static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
