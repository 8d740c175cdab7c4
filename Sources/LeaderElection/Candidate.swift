// SPDX-License-Identifier: Apache-2.0

/// One who wants a lock: without IO, clock or chance.
///
/// The holder renews its record; each renewal lets it lead until the renew deadline after the moment
/// at which it was asked for, whatever the answer's way back took. Others take the lock once the
/// record has not changed for the whole lease, by their own clocks, so that clocks need agree on the
/// length of seconds alone. Every write names the version that it replaces.
public struct Candidate: Sendable {
  /// What happens to a candidate; answers carry the number of the request.
  public enum Input: Hashable, Sendable {
    /// It shall want the lock; a holder named `predecessor` is known to have given up, and
    /// `defaultRevision` outranks others.
    case pursue(predecessor: String)
    /// It shall give the lock back, and want it no more.
    case yield
    /// The revision that outranks all others; empty for none.
    case defaultRevision(String)
    /// The lock's record; nil where there is none, though there may be an object to hold it.
    case found(Int, LockRecord?, version: String)
    /// The write was carried out.
    case written(Int, version: String)
    /// The write was refused, since another was first: nothing was written.
    case outrun(Int)
    /// There is no answer, or no good one: a write may have been carried out.
    case failed(Int, String)
    /// The time of ``deadline`` has come, or not yet.
    case tick
  }

  /// What a candidate wants done.
  public enum Action: Hashable, Sendable {
    /// The record is to be read.
    case read(Int)
    /// The record is to be written where there is no object of the lock (an empty version) or where
    /// it has this version; times are filled in by who does it.
    case write(Int, LockRecord, version: String)
    /// It leads from now on, after this one; writes may begin.
    case leads(after: String)
    /// It leads no more: nothing may be written.
    case follows(String)
  }

  private enum Phase: Hashable {
    case idle, waiting, reading, writing(LockRecord, since: Duration), releasing
  }

  /// When to be told the time.
  public private(set) var deadline: Duration?
  /// Until when it leads, unless it renews; nil where it does not lead.
  public private(set) var leadsUntil: Duration?
  /// Who held the lock when it was last read.
  public var holder: String { observed?.record.holder ?? "" }

  /// Whether it wants nothing, and waits for nothing.
  public var isAtRest: Bool { !isWanting && phase == .idle }

  private let identity: String
  private let key: String
  private let timing: ElectionTiming
  private var phase = Phase.idle
  /// When the phase itself wants to go on; the fence may want the time before.
  private var next: Duration?
  private var number = 0
  private var isWanting = false
  private var predecessor = ""
  private var defaultRevision = ""
  private var version = ""
  /// What the lock says, and since when it has not changed.
  private var observed: (record: LockRecord, since: Duration)?

  /// A candidate that wants nothing yet.
  ///
  /// - Parameters:
  ///   - identity: A name that no other candidate ever has.
  ///   - key: The revision (``ElectionKey``); empty where none outranks another.
  public init(identity: String, key: String = "", timing: ElectionTiming = .init()) {
    self.identity = identity
    self.key = key
    self.timing = timing
  }

  /// Takes an input at a moment of a clock that never goes back; `chance`, from 0 to below 1, blurs
  /// waits.
  public mutating func take(_ input: Input, at now: Duration, chance: Double) -> [Action] {
    var actions = expire(now)
    switch input {
    case .pursue(let predecessor):
      self.predecessor = predecessor
      guard !isWanting else { break }
      isWanting = true
      actions.append(read())
    case .yield: actions += yield()
    case .defaultRevision(let revision): defaultRevision = revision
    case .found(number, let record, let version):
      guard phase == .reading, isWanting else { break }
      actions += found(record, version, now, chance)
    case .written(number, let version): actions += written(version, now)
    case .outrun(number):
      actions += outrun(now, chance)
    case .failed(number, _): failed(now, chance)
    case .tick: actions += tick(now)
    default: break
    }
    schedule()
    return actions
  }

  private mutating func schedule() {
    let times = [next, leadsUntil].compactMap(\.self)
    deadline = times.min()
  }

  /// Ends leading once the renew deadline has passed.
  private mutating func expire(_ now: Duration) -> [Action] {
    guard let end = leadsUntil, now >= end else { return [] }
    leadsUntil = nil
    return [.follows("it could not be renewed in time")]
  }

  private mutating func tick(_ now: Duration) -> [Action] {
    guard let next, now >= next, phase == .waiting else { return [] }
    // The holder knows the version that it wrote; who is outrun then reads.
    if leadsUntil != nil, let observed, observed.record.holder == identity {
      return [write(renewal(of: observed.record), now)]
    }
    return [read()]
  }

  private mutating func read() -> Action {
    number += 1
    phase = .reading
    next = nil
    return .read(number)
  }

  private mutating func write(_ record: LockRecord, _ now: Duration) -> Action {
    number += 1
    phase = .writing(record, since: now)
    next = nil
    return .write(number, record, version: version)
  }

  private mutating func found(
    _ record: LockRecord?, _ version: String, _ now: Duration, _ chance: Double
  ) -> [Action] {
    self.version = version
    guard let record, !record.holder.isEmpty else {
      observed = nil
      return [write(claim(after: record), now)]
    }
    if observed?.record != record { observed = (record, now) }
    if record.holder == identity { return [write(renewal(of: record), now)] }
    var actions: [Action] = []
    if leadsUntil != nil {
      leadsUntil = nil
      actions.append(.follows("\(record.holder) has taken it"))
    }
    if mayTake(record, now) { return actions + [write(claim(after: record), now)] }
    wait(now, chance)
    return actions
  }

  private func mayTake(_ record: LockRecord, _ now: Duration) -> Bool {
    guard let observed, record.holder != predecessor else { return true }
    let longest = max(timing.lease, min(record.duration, .seconds(60)))
    if now - observed.since >= longest { return true }
    return outranks(record.key)
  }

  /// Whether this candidate need not wait for a holder of another key: the default revision need not
  /// for others, nor one in the cluster of the lock for one of its revision from another.
  private func outranks(_ other: String) -> Bool {
    let mine = ElectionKey(key)
    let theirs = ElectionKey(other)
    if mine.revision != theirs.revision {
      return !mine.revision.isEmpty && defaultRevision == mine.revision
    }
    return !mine.isRemote && theirs.isRemote
  }

  private func claim(after record: LockRecord?) -> LockRecord {
    LockRecord(
      holder: identity, key: key, duration: timing.lease,
      transitions: record.map { $0.transitions + 1 } ?? 0)
  }

  private func renewal(of record: LockRecord) -> LockRecord {
    var next = claim(after: record)
    next.acquired = record.acquired
    next.transitions = record.transitions
    return next
  }

  private mutating func written(_ version: String, _ now: Duration) -> [Action] {
    guard case .writing(let record, let since) = phase else {
      if phase == .releasing { phase = .idle }
      return []
    }
    self.version = version
    let last = observed?.record.holder ?? ""
    observed = (record, now)
    guard isWanting else { return [release(record)] }
    phase = .waiting
    next = since + timing.retry
    let end = since + timing.renewDeadline
    // An answer that comes after the deadline of its own request proves nothing any more.
    guard now < end else { return [] }
    let isNew = leadsUntil == nil
    leadsUntil = end
    return isNew ? [.leads(after: last == identity ? "" : last)] : []
  }

  /// Who leads looks at once who was first; others come back later.
  private mutating func outrun(_ now: Duration, _ chance: Double) -> [Action] {
    guard case .writing = phase, isWanting else {
      if phase != .waiting { phase = .idle }
      return []
    }
    if leadsUntil != nil { return [read()] }
    wait(now, chance)
    return []
  }

  private mutating func failed(_ now: Duration, _ chance: Double) {
    switch phase {
    case .reading where isWanting, .writing where isWanting: wait(now, chance)
    case .reading, .writing, .releasing: phase = .idle
    case .idle, .waiting: break
    }
  }

  /// Waits before the lock is looked at again; many candidates do not come at once.
  ///
  /// Answers that come yet are those of a request that was given up.
  private mutating func wait(_ now: Duration, _ chance: Double) {
    number += 1
    phase = .waiting
    next = now + timing.retry * (1 + 0.2 * chance)
  }

  private mutating func yield() -> [Action] {
    isWanting = false
    next = nil
    let actions: [Action] = leadsUntil == nil ? [] : [.follows("it is given back")]
    leadsUntil = nil
    // What is being written is given back once it is there.
    if case .writing = phase { return actions }
    guard let observed, observed.record.holder == identity else {
      phase = .idle
      return actions
    }
    return actions + [release(observed.record)]
  }

  /// Says that nobody holds the lock.
  private mutating func release(_ record: LockRecord) -> Action {
    var released = renewal(of: record)
    released.holder = ""
    released.duration = .seconds(1)
    observed = nil
    number += 1
    phase = .releasing
    return .write(number, released, version: version)
  }
}
