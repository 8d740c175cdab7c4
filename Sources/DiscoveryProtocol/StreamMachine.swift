// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

/// One xDS stream: requests, views and deadlines in, responses and records out.
///
/// The machine does no IO and knows no clock: the shell delivers events with the time they
/// happened at, and carries out the actions in their order. State of the world and delta are two
/// faces over one model: per type a subscription, what was sent, and what was acknowledged.
public struct StreamMachine: Sendable {
  /// Which variant of the protocol the stream speaks.
  public enum Face: Hashable, Sendable {
    /// State of the world (`StreamAggregatedResources`).
    case sotw
    /// Incremental (`DeltaAggregatedResources`).
    case delta
  }

  /// Which variant of the protocol the stream speaks.
  public let face: Face
  let noncePrefix: String
  let policy: StreamPolicy
  let limits: StreamLimits
  private let names: ResourceNamesTable

  var types: TypeTable
  var view: (any ResourceView)?
  /// The view that everything was last compared with, where endpoints have overtaken configuration
  /// since.
  var overtaken: (any ResourceView)?
  /// The newest generation that the stream was told of whole.
  var generation: UInt64 = 0
  /// About how many types the client has been told something.
  public private(set) var answeredTypes = 0
  /// Counts the views, so that clusters are compared before what uses them.
  var viewSerial = 0
  var clustersSerial = 0
  var gate = ClusterGate()
  var removals = ClusterRemovals()
  var mustReviewRemovals = false
  var budget = RequestBudget()
  /// Followers of changed resources whose type a reconnecting client has yet to ask for.
  var unfollowed: Set<ResourceKey> = []

  private(set) var now = Duration.zero
  private var nonceCount = 0
  private var deadlines: [StreamDeadline: Duration] = [:]
  private var actions: [StreamAction] = []
  private var isClosed = false

  /// A stream on which nothing has happened.
  ///
  /// - Parameters:
  ///   - face: Which variant of the protocol the stream speaks.
  ///   - noncePrefix: Begins every nonce; different for every stream, so that a nonce of an
  ///     earlier stream is recognised as stale.
  ///   - policy: How long the stream waits for its client.
  ///   - limits: What the client may ask for.
  ///   - names: What streams subscribe to, to be shared among them.
  public init(
    face: Face, noncePrefix: String, policy: StreamPolicy = StreamPolicy(),
    limits: StreamLimits = StreamLimits(), names: ResourceNamesTable = ResourceNamesTable()
  ) {
    self.names = names
    self.face = face
    types = TypeTable(vacant: TypeState(type: .cluster, face: face, names: names))
    self.noncePrefix = noncePrefix
    self.policy = policy
    self.limits = limits
  }

  /// Takes an event that happened at `now`, a duration since any fixed start.
  ///
  /// Returns what to do, in this order.
  public mutating func handle(_ event: StreamEvent, at now: Duration) -> [StreamAction] {
    guard !isClosed else { return [] }
    self.now = max(now, self.now)
    defer { actions = [] }
    do throws(StreamError) {
      try apply(event)
      settle()
    } catch {
      isClosed = true
      actions.append(.closeWithError(error))
    }
    return actions
  }

  private mutating func apply(_ event: StreamEvent) throws(StreamError) {
    switch event {
    case .sotw(let request): try take(request)
    case .delta(let request): try take(request)
    case .question(let cost): try take(cost)
    case .push(let view, let scope, let origin, let generation):
      take(view, scope, origin: origin, generation)
    case .audit(let view): audit(view)
    case .deadline(let deadline): take(deadline)
    }
  }

  // MARK: Views and deadlines

  private mutating func take(
    _ view: any ResourceView, _ scope: PushScope, origin: Duration, _ generation: UInt64
  ) {
    let earlier = overtaken ?? self.view
    let scope = earlier == nil ? .everything : scope
    let isWhole = scope.configuration || (overtaken == nil && !scope.isAhead)
    overtaken = isWhole ? nil : earlier
    if isWhole { self.generation = generation }
    self.view = view
    viewSerial += 1
    for type in types.order {
      var own = scope
      // Endpoints are the most: they are not even looked at where none can differ.
      if type == .endpoint, own.configuration, let earlier, view.hasSame(type, as: earlier) {
        own.configuration = false
      }
      types.change(type) { $0.take(own, origin: origin) }
    }
  }

  private mutating func take(_ deadline: StreamDeadline) {
    deadlines[deadline] = nil
    switch deadline {
    case .gate: break  // what has expired is looked at before anything is sent
    case .flow(let type):
      let isExpired = types.change(type) { [now, policy] state in
        state.isDue && !state.outstanding.isEmpty && state.blockedUntil(now, policy) == nil
      }
      if isExpired ?? false { record(.flowExpired(type)) }
    case .removal: mustReviewRemovals = true
    }
  }

  private mutating func expireGate() {
    guard gate.expire(at: now) else { return }
    let heldBack = types.sum { $0.heldBack.count }
    if heldBack > 0 { record(.gateExpired(heldBack: heldBack)) }
    reconsiderHeldBack()
  }

  /// Compares again what waited for clusters.
  mutating func reconsiderHeldBack() {
    for type in types.order {
      types.change(type) { if !$0.heldBack.isEmpty { $0.pending.merge(.names($0.heldBack)) } }
    }
  }

  // MARK: Towards agreement

  /// Sends what may be sent, in the order of a push, and sets the deadlines of what may not.
  private mutating func settle() {
    guard view != nil else { return }
    expireGate()
    if mustReviewRemovals { reviewRemovals() }
    let referrersDue = types.contains { $0.isReferrer && $0.isDue }
    if referrersDue, clustersSerial != viewSerial { types.change(.cluster) { $0.pending = .all } }
    for type in types.order where isDue(type) { evaluate(type) }
    if let first = gate.firstDeadline, types.contains(where: { !$0.heldBack.isEmpty }) {
      setDeadline(.gate, at: first)
    }
    if let next = removals.nextDeadline(after: now, policy: policy) {
      setDeadline(.removal, at: next)
    }
  }

  private mutating func isDue(_ type: ResourceType) -> Bool {
    types.change(type) { $0.isDue } ?? false
  }

  // MARK: Out

  mutating func record(_ record: StreamRecord) { actions.append(.record(record)) }

  mutating func emit(_ response: StreamResponse, isFirst: Bool) {
    if isFirst { answeredTypes += 1 }
    actions.append(.send(response))
  }

  mutating func setDeadline(_ deadline: StreamDeadline, at time: Duration) {
    guard deadlines[deadline] != time else { return }
    deadlines[deadline] = time
    actions.append(.setDeadline(deadline, after: max(.zero, time - now)))
  }

  mutating func nextNonce() -> String {
    nonceCount += 1
    return noncePrefix + String(nonceCount)
  }

  /// What is known of a type that the client asks for first.
  func start(_ type: ResourceType) -> TypeState {
    TypeState(type: type, face: face, names: names)
  }
}

extension TypeState {
  /// A new view is there; `scope` bounds what may differ.
  fileprivate mutating func take(_ scope: PushScope, origin: Duration) {
    let concerns = type == .endpoint && scope.endpoints.contains(where: subscription.covers)
    guard scope.configuration || concerns else {
      if !heldBack.isEmpty { pending.merge(.names(heldBack)) }
      return
    }
    // Lists are compared faster than names are looked up: most of both is the same.
    pending = .all
    if concerns, scope.removesEndpoints { isUrgent = true }
    self.origin = min(self.origin ?? origin, origin)
  }
}
