// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

/// What one stream knows of one type: what the client wants, was sent and has acknowledged.
struct TypeState: Sendable {
  let type: ResourceType
  let face: StreamMachine.Face
  var subscription: Subscription
  /// What the client has once it accepts all that was sent.
  var sent = SortedResources()
  /// What the client has for certain; in state of the world also what ended silently.
  var acked = SortedResources()
  /// Responses without an answer, oldest first.
  var outstanding: [SentResponse] = []
  /// The content that the client rejected last, by name.
  var rejected: [String: EncodedResource] = [:]
  /// Parts of a rejected response, to be sent apart so that only what is refused stays behind.
  var suspects: [[EncodedResource]] = []
  /// The generation of the view that was compared last.
  var compared: UInt64 = 0

  /// Names that must be answered even where nothing changed.
  var owed: Set<String> = []
  /// Whether the next response is due even if it is empty.
  var mustAnswer = false
  /// Whether what is pending must not wait for acknowledgements: endpoints went away.
  var isUrgent = false
  /// Where the view may differ from what was sent.
  var pending = Pending.nothing
  /// The names whose newest content waits for new clusters.
  var heldBack: Set<String> = []
  /// What a reconnecting client says it has, until a view is there to compare with.
  var claimed: [String: String] = [:]
  /// Names that a reconnecting client has with other content, until it is sent ours.
  var foreign: Set<String> = []
  /// Whether the client has answered a response of this type, or had some on an earlier stream.
  var isSettled = false
  /// The deadline that a blocked response waits for, if it was set.
  var flowDeadline: Duration?

  var lastSent: SentResponse?
  var lastAcked: SentResponse?
  var lastError: TypeStatus.Failure?
  /// When the earliest change not yet sent happened.
  var origin: Duration?

  init(type: ResourceType, face: StreamMachine.Face, names: ResourceNamesTable) {
    self.type = type
    self.face = face
    subscription = Subscription(type: type, names: names)
  }

  /// A part of a view to compare with what was sent.
  enum Pending: Equatable, Sendable {
    case nothing
    case names(Set<String>)
    case all

    mutating func merge(_ other: Pending) {
      switch (self, other) {
      case (_, .nothing): break
      case (.nothing, _), (_, .all): self = other
      case (.all, _): break
      case (.names(let mine), .names(let theirs)): self = .names(mine.union(theirs))
      }
    }
  }

  /// Whether there is something to answer that must not wait for acknowledgements.
  var isAsked: Bool {
    mustAnswer || !owed.isSubset(of: heldBack)
  }

  /// Whether its resources name clusters.
  var isReferrer: Bool { ResourceType.clusterReferrers.contains(type) }

  /// Whether there is anything to compare or to answer.
  var isDue: Bool { isAsked || pending != .nothing || !suspects.isEmpty }

  /// The newest generation of which the client has acknowledged everything; `newest` is the view's.
  func applied(newest: UInt64) -> UInt64 {
    if let oldest = outstanding.first { return oldest.generation - min(1, oldest.generation) }
    return pending == .nothing && heldBack.isEmpty ? newest : compared
  }

  /// Whether the client may be waiting for what its newest resources depend on, and withholds
  /// its acknowledgement meanwhile, as Envoy does while clusters warm.
  var isWarming: Bool {
    type == .cluster && outstanding.contains { !$0.changes.changed.isEmpty }
  }

  /// When the next unasked response may go; nil if at once.
  func blockedUntil(_ now: Duration, _ policy: StreamPolicy) -> Duration? {
    guard let last = outstanding.last else { return nil }
    if isWarming, outstanding.count < policy.maxOutstanding { return nil }
    let until = last.sentAt + policy.flowWait
    return until <= now ? nil : until
  }

  /// Forgets what the client no longer wants.
  mutating func dropUnwanted() {
    let wanted = subscription
    sent.filter(wanted.covers)
    acked.filter(wanted.covers)
    rejected = rejected.filter { wanted.covers($0.key) }
    owed = owed.filter(wanted.covers)
    heldBack = heldBack.filter(wanted.covers)
    foreign = foreign.filter(wanted.covers)
    // What an answer will say no longer leads from one list to the other.
    for index in outstanding.indices { outstanding[index].step = nil }
  }
}

/// A response that was sent, as long as someone may ask for it.
struct SentResponse: Sendable {
  let nonce: String
  let version: String
  let sentAt: Duration
  let origin: Duration?
  /// What it changed for the client.
  var changes: ResourceChanges
  /// All that the client has if it accepts this; nil if the response carries a part.
  var full: SortedResources?
  /// What was sent before and after it, where nothing else lies between.
  var step: (before: SortedResources, after: SortedResources)?
  /// What the client warms for because of it, where it may ask again.
  var followers: Set<ResourceKey> = []
  /// The generation of the view that it brings the client to.
  var generation: UInt64 = 0
  /// Whether it only repeats a part of what was rejected.
  var isProbe = false

  /// What is shown of it, without what it carried.
  var summary: SentResponse {
    var summary = self
    summary.changes = ResourceChanges()
    summary.full = nil
    summary.step = nil
    summary.followers = []
    return summary
  }

  func answered(_ type: ResourceType, at now: Duration) -> Acknowledgement {
    Acknowledgement(
      type: type, nonce: nonce, version: version,
      changes: changes.changed.count + changes.removed.count, sentAt: sentAt, answeredAt: now,
      origin: origin)
  }
}
