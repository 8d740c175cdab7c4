// SPDX-License-Identifier: Apache-2.0

/// Who holds a lock, and since when: what candidates write to one object and read from it.
public struct LockRecord: Hashable, Sendable {
  /// Who holds it, by a name that no other candidate has; empty where nobody does.
  public var holder: String
  /// The revision of the holder, which others may outrank; empty for none.
  public var key: String
  /// How long the holder may be silent before others take the lock.
  public var duration: Duration
  /// When the holder took it, as RFC 3339 writes times.
  public var acquired: String
  /// When the holder said last that it is there.
  public var renewed: String
  /// How often the lock changed hands.
  public var transitions: Int64

  /// A record.
  public init(
    holder: String, key: String = "", duration: Duration = .seconds(15), acquired: String = "",
    renewed: String = "", transitions: Int64 = 0
  ) {
    self.holder = holder
    self.key = key
    self.duration = duration
    self.acquired = acquired
    self.renewed = renewed
    self.transitions = transitions
  }
}

/// The timing of an election, in the order in which it must hold: retry, deadline, lease.
public struct ElectionTiming: Hashable, Sendable {
  /// How long others wait for a silent holder.
  public var lease: Duration
  /// How long after the last renewal began a holder still counts itself one.
  public var renewDeadline: Duration
  /// How often the holder renews, and others look.
  public var retry: Duration

  /// The timing of Kubernetes' own controllers: 15 s, 10 s, 2 s.
  public init(
    lease: Duration = .seconds(15), renewDeadline: Duration = .seconds(10),
    retry: Duration = .seconds(2)
  ) {
    self.lease = lease
    self.renewDeadline = renewDeadline
    self.retry = retry
  }
}
