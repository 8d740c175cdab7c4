// SPDX-License-Identifier: Apache-2.0

/// The waits between tries: each twice the last, blurred, and forgotten after a healthy while.
public struct Backoff: Hashable, Sendable {
  /// The first wait.
  public var first = Duration.milliseconds(800)
  /// The longest wait, before it is blurred.
  public var longest = Duration.seconds(30)
  /// How long nothing must fail for the next wait to be the first again.
  public var healthy = Duration.seconds(120)
  private var next: Duration?
  private var lastFailure: Duration?

  /// The waits of Kubernetes' own clients.
  public init() {}

  /// The wait after a failure: up to twice the planned one, by chance.
  public mutating func wait(at moment: Moment) -> Duration {
    if let lastFailure, moment.now - lastFailure > healthy { next = nil }
    let planned = next ?? first
    next = min(planned * 2, longest)
    let wait = planned * (1 + moment.chance)
    lastFailure = moment.now + wait
    return wait
  }
}

/// When something happens, and what chance has to say to it.
public struct Moment: Hashable, Sendable {
  /// The time on a clock that never goes back.
  public var now: Duration
  /// A random number from 0 to below 1.
  public var chance: Double

  /// A moment.
  public init(now: Duration, chance: Double) {
    self.now = now
    self.chance = chance
  }
}
