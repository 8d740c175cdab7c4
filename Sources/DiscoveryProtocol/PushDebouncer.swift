// SPDX-License-Identifier: Apache-2.0

/// Decides when changes become a push: a burst becomes one, a change of endpoints none late.
///
/// - Endpoints are pushed at once, whatever configuration waits or is being pushed; those that
///   change together with configuration go with it, unless some went away.
/// - Configuration waits for a quiet time: a short one when idle, `PILOT_DEBOUNCE_AFTER` when
///   busy, at most `PILOT_DEBOUNCE_MAX` in all; and never while a push is being made.
///
/// Times are durations since any fixed start, and never go back.
public struct PushDebouncer: Sendable {
  /// The windows of the wait.
  public struct Windows: Hashable, Sendable {
    /// The quiet time when idle.
    public var idleQuiet: Duration
    /// The quiet time when busy (`PILOT_DEBOUNCE_AFTER`).
    public var quiet: Duration
    /// The longest wait since the first change (`PILOT_DEBOUNCE_MAX`).
    public var maximum: Duration

    /// Windows; Istio's defaults unless given.
    ///
    /// A quiet time below the idle one shortens that too.
    public init(
      idleQuiet: Duration = .milliseconds(10), quiet: Duration = .milliseconds(100),
      maximum: Duration = .seconds(10)
    ) {
      self.idleQuiet = min(idleQuiet, quiet)
      self.quiet = quiet
      self.maximum = maximum
    }
  }

  /// A push to make now.
  public struct Push: Hashable, Sendable {
    /// What may have changed.
    public var scope: PushScope
    /// When the earliest change in it happened.
    public var origin: Duration
    /// How many changes it merges.
    public var changes: Int

    /// A push of these parts.
    public init(scope: PushScope, origin: Duration, changes: Int) {
      self.scope = scope
      self.origin = origin
      self.changes = changes
    }
  }

  private let windows: Windows
  private var configuration: Batch?
  private var running = 0
  private var lastConfiguration: Duration?

  /// Configuration that waits.
  private struct Batch: Sendable {
    var push: Push
    var quiet: Duration
    var lastChange: Duration
  }

  /// A debouncer at rest.
  public init(windows: Windows = Windows()) { self.windows = windows }

  /// When to call ``tick(at:)``; nil if nothing waits for time to pass.
  public var nextDeadline: Duration? {
    guard running == 0, let batch = configuration else { return nil }
    return min(batch.lastChange + batch.quiet, batch.push.origin + windows.maximum)
  }

  /// A change happened.
  ///
  /// Returns the pushes to make now.
  public mutating func note(_ scope: PushScope, at now: Duration) -> [Push] {
    guard !scope.isEmpty else { return [] }
    if scope.configuration { wait(scope, at: now) }
    var alone = scope.ofEndpoints
    guard !alone.isEmpty, scope.removesEndpoints || !scope.configuration else {
      return due(at: now)
    }
    alone.isAhead = configuration != nil
    running += 1
    return [Push(scope: alone, origin: now, changes: 1)] + due(at: now)
  }

  /// Time passed.
  ///
  /// Returns the pushes to make now.
  public mutating func tick(at now: Duration) -> [Push] { due(at: now) }

  /// A push was handed to all streams.
  ///
  /// Returns the pushes to make now.
  public mutating func finished(at now: Duration) -> [Push] {
    running = max(0, running - 1)
    return due(at: now)
  }

  private mutating func wait(_ scope: PushScope, at now: Duration) {
    guard var batch = configuration else {
      let isBusy = running > 0 || lastConfiguration.map { now < $0 + windows.quiet } ?? false
      configuration = Batch(
        push: Push(scope: scope, origin: now, changes: 1),
        quiet: isBusy ? windows.quiet : windows.idleQuiet, lastChange: now)
      return
    }
    batch.push.absorb(Push(scope: scope, origin: now, changes: 1))
    batch.lastChange = now
    configuration = batch
  }

  private mutating func due(at now: Duration) -> [Push] {
    guard running == 0, let deadline = nextDeadline, deadline <= now,
      let push = configuration?.push
    else { return [] }
    configuration = nil
    lastConfiguration = now
    running += 1
    return [push]
  }
}

extension PushDebouncer.Push {
  fileprivate mutating func absorb(_ other: Self) {
    scope = scope.merged(with: other.scope)
    origin = min(origin, other.origin)
    changes += other.changes
  }
}
