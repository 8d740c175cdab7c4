// SPDX-License-Identifier: Apache-2.0

import Configuration
import Testing

@testable import Introspection

/// Times as pages write them, against those that `date -u` gave.
@Suite struct TimeTextTests {
  @Test(arguments: [
    (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"),
    (1_767_225_599.999, "2025-12-31T23:59:59.999Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
    (-1, "1969-12-31T23:59:59Z"), (-0.5, "1969-12-31T23:59:59.500Z"),
  ])
  func `seconds are days and hours`(seconds: Double, text: String) {
    #expect(TimeText.rfc3339(seconds) == text)
  }

  @Test func `what is written is read back`() {
    for day in stride(from: Int64(-700_000), to: 1_000_000, by: 997) {
      let seconds = day * 86_400 + day % 86_400
      #expect(Timestamp.seconds(TimeText.rfc3339(Double(seconds))) == seconds)
    }
  }

  @Test(arguments: [Double.nan, .infinity, 1e300])
  func `what is no time is empty`(seconds: Double) {
    #expect(TimeText.rfc3339(seconds).isEmpty)
  }
}
