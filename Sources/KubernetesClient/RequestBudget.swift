// SPDX-License-Identifier: Apache-2.0

/// How many requests may be made: so many a second, and a burst of so many at once.
public struct RequestBudget: Hashable, Sendable {
  /// Requests a second; 0 or less for no limit.
  public let perSecond: Double
  /// The most at once.
  public let burst: Double
  private var available: Double
  private var updated = Duration.zero

  /// A full budget.
  public init(perSecond: Double, burst: Double) {
    self.perSecond = perSecond
    self.burst = max(1, burst)
    available = self.burst
  }

  /// Takes one request at `now`; how long it must wait.
  public mutating func take(at now: Duration) -> Duration {
    guard perSecond > 0 else { return .zero }
    available = min(burst, available + (now - updated) / .seconds(1) * perSecond)
    updated = now
    available -= 1
    return available >= 0 ? .zero : .seconds(-available / perSecond)
  }
}
