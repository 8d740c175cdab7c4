// SPDX-License-Identifier: Apache-2.0

/// How many requests a client may still send that answer nothing: a bucket that fills with time.
struct RequestBudget: Sendable {
  private var used = 0.0
  private var countedAt = Duration.zero

  /// Takes a request that costs as much as so many; false where there were too many.
  mutating func spend(_ cost: Double, _ limits: StreamLimits, at now: Duration) -> Bool {
    let passed = (now - countedAt) / .seconds(1)
    countedAt = now
    used = max(0, used - passed * limits.requestRate) + cost
    return used <= limits.requestBurst
  }

  /// The request was an answer, of which there may be as many as responses.
  mutating func refund() { used = max(0, used - 1) }
}
