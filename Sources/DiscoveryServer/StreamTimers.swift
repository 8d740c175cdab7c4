// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol

/// What a stream is to do at a time: the machine's deadlines, and its audits.
struct StreamTimers {
  enum Timer: Hashable {
    case deadline(StreamDeadline)
    case audit
    /// A look at the stream's own secrets.
    case secrets
    /// The question anew whether the proxy may read those of its namespace.
    case review
  }

  private var times: [Timer: ContinuousClock.Instant] = [:]
  private let auditInterval: Duration?

  /// No deadlines yet; the first audit is an interval away, nil for none at all.
  init(auditInterval: Duration?) {
    self.auditInterval = auditInterval
    scheduleAudit()
  }

  /// When to look again.
  var next: ContinuousClock.Instant? { times.values.min() }

  /// Whether something is due.
  var isDue: Bool { next.map { $0 <= .now } ?? false }

  /// Sets a deadline, in place of one of its identity.
  mutating func set(_ deadline: StreamDeadline, after delay: Duration) {
    times[.deadline(deadline)] = .now + delay
  }

  /// Asks again after a while who may read secrets.
  mutating func review(after delay: Duration) { times[.review] = .now + delay }

  /// Whether that is to be asked again now.
  mutating func takeReview() -> Bool {
    guard let time = times[.review], time <= .now else { return false }
    times[.review] = nil
    return true
  }

  /// Takes what is due; the earliest of several.
  mutating func takeDue() -> Timer? {
    guard let (timer, time) = times.min(by: { $0.value < $1.value }), time <= .now else {
      return nil
    }
    times[timer] = nil
    if timer == .audit { scheduleAudit() }
    if timer == .secrets { watchSecrets() }
    return timer
  }

  /// Looks at the stream's secrets from now on.
  mutating func watchSecrets() {
    if times[.secrets] == nil { times[.secrets] = .now + StreamSecrets.interval }
  }

  /// Audits of streams that came together drift apart.
  private mutating func scheduleAudit() {
    guard let auditInterval else { return }
    times[.audit] = .now + auditInterval * Double.random(in: 0.5...1.5)
  }
}
