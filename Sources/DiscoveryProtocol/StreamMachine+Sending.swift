// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

/// What the server says: the view compared with what was sent, as far as the order allows.
extension StreamMachine {
  /// Compares one type with the view and sends the difference, unless it has to wait.
  mutating func evaluate(_ type: ResourceType) {
    guard let view else { return }
    let blocked = types.change(type) { [now, policy] state in
      state.isAsked || state.isUrgent ? nil : state.blockedUntil(now, policy)
    }
    if let until = blocked.flatMap(\.self) { return setDeadline(.flow(type), at: until) }
    guard var state = types.take(type) else { return }
    // What is sent again, or is owed, says nothing of all clusters.
    if type == .cluster, state.pending == .all { clustersSerial = viewSerial }
    state.compared = generation
    let before = state.sent
    let claimed = adoptClaims(of: &state, view)
    let changes = advance(&state, view)
    var draft = draft(&state, view, changes)
    state.pending = .nothing
    state.isUrgent = false
    guard draft.isDue else {
      if state.heldBack.isEmpty { state.origin = nil }
      return types.put(state)
    }
    let isNew = { (name: String) in before[name] == nil && claimed[name] == nil }
    let isFirst = state.lastSent == nil
    let response = draft.response(of: state, face: face, nonce: nextNonce())
    if type == .cluster, state.isSettled {
      gate.add(
        changes.changed.map(\.name).filter(isNew), nonce: response.nonce,
        until: now + policy.warmingWait)
    }
    let followers = owe(followersOf: changes.changed, of: state, view)
    if face == .sotw, type == .cluster { draft.followers = followers }
    state.didSend(response, draft, after: before, at: now, policy)
    let unanswered = state.outstanding.count
    types.put(state)
    emit(response, isFirst: isFirst)
    if unanswered == policy.silenceNotice { record(.silent(type, responses: unanswered)) }
    if type == .cluster { reconsiderHeldBack() }
  }

  /// Takes over what a reconnecting client has, where it is still right.
  ///
  /// Returns what it claimed.
  private mutating func adoptClaims(
    of state: inout TypeState, _ view: any ResourceView
  ) -> [String: String] {
    guard !state.claimed.isEmpty else { return [:] }
    let claimed = state.claimed
    state.claimed = [:]
    state.isSettled = true
    let wanted = state.wanted(from: view)
    var same: [EncodedResource] = []
    same.reserveCapacity(wanted.elements.count)
    var met = 0
    for resource in wanted.elements {
      guard let version = claimed[resource.name] else { continue }
      met += 1
      let isFollower = unfollowed.remove(ResourceKey(state.type, resource.name)) != nil
      if resource.version == version, !isFollower {
        same.append(resource)
      } else {
        state.foreign.insert(resource.name)
      }
    }
    let isAll = same.count == wanted.elements.count
    state.sent = isAll ? wanted : SortedResources(sorted: same)
    state.acked = state.sent
    if !state.owed.isEmpty { for resource in same { state.owed.remove(resource.name) } }
    if met < claimed.count {
      let others = claimed.keys.filter { state.subscription.covers($0) && wanted[$0] == nil }
      state.owed.formUnion(others)
    }
    return claimed
  }

  /// Moves `sent` to the view, except for what must wait.
  ///
  /// Returns the difference.
  private mutating func advance(
    _ state: inout TypeState, _ view: any ResourceView
  ) -> ResourceChanges {
    state.oweForeignRemovals(view)
    state.pending.merge(state.owed.isEmpty ? .nothing : .names(state.owed))
    var changes = ResourceChanges()
    var target: SortedResources?
    switch state.pending {
    case .nothing: return changes
    case .names(let names):
      changes = state.changes(of: names, to: view)
      state.heldBack.subtract(names)
    case .all:
      let all = state.wanted(from: view)
      changes = state.sent.changes(to: all)
      target = all
      state.heldBack = []
    }
    let count = changes.changed.count + changes.removed.count
    let held = changes.changed.filter { isGated($0, state, view) }.map(\.name)
    state.heldBack.formUnion(held)
    if !held.isEmpty { changes.changed.removeAll { state.heldBack.contains($0.name) } }
    keepUsed(&changes, of: state, view)
    if let target, count == changes.changed.count + changes.removed.count {
      state.sent = target
    } else {
      state.sent.apply(changed: changes.changed, removed: changes.removed)
    }
    if !state.foreign.isEmpty { state.foreign.subtract(changes.changed.map(\.name)) }
    return changes
  }

  /// Whether a resource must wait, since it uses clusters that were not sent yet, or not answered.
  ///
  /// Nothing waits for an answer in a client's first synchronisation, and nothing waits at all if
  /// the client does not subscribe to clusters.
  private mutating func isGated(
    _ resource: EncodedResource, _ state: TypeState, _ view: any ResourceView
  ) -> Bool {
    guard state.isReferrer else { return false }
    let gate = gate
    let awaitsAnswers = !gate.isEmpty && (state.lastSent != nil || state.isSettled)
    return types.change(.cluster) { clusters in
      let awaitsSending = clusters.pending != .nothing && clusters.lastSent != nil
      guard awaitsAnswers || awaitsSending else { return false }
      return view.clusters(referencedBy: resource).contains { name in
        awaitsAnswers && gate.contains(name)
          || awaitsSending && clusters.subscription.covers(name)
            && clusters.sent[name] == nil && view.named(.cluster, name) != nil
      }
    } ?? false
  }

  /// Decides what goes into a response, and what stays owed.
  private mutating func draft(
    _ state: inout TypeState, _ view: any ResourceView, _ changes: ResourceChanges
  ) -> Draft {
    var draft = Draft(changes: changes)
    let owed = state.owed
    let isWhole = changes.changed.count == state.sent.elements.count
    let again = isWhole ? [] : state.sent.elements(named: owed)
    draft.changes.changed = SortedResources.merged(again, changes.changed)
    let missing = state.missing(of: owed)
    state.owed = Set(missing.filter(state.heldBack.contains))
    if face == .delta {
      let gone = missing.filter { !state.owed.contains($0) }
      draft.changes.removed = Set(changes.removed).union(gone).sorted()
    }
    if face == .delta, draft.changes.isEmpty {
      draft.changes.changed = state.takeSuspects()
      draft.isProbe = !draft.changes.isEmpty
    }
    draft.isDue = draft.isDue(state, face: face, answersOwed: state.owed.count < owed.count)
    state.mustAnswer = false
    // State of the world does not say when such a resource ends; the client drops it by itself.
    if face == .sotw, !state.type.isFullState {
      for name in changes.removed { state.rejected[name] = nil }
      draft.changes.removed = []
    }
    return draft
  }

  /// What clients warm for after these changes is owed even if it did not change itself.
  ///
  /// Delta clients do not ask again for the endpoints of a changed cluster. Those of an added one they
  /// ask for when they have it, and are answered whatever they were sent before: nothing is sent unasked.
  private mutating func owe(
    followersOf changed: [EncodedResource], of state: TypeState, _ view: any ResourceView
  ) -> Set<ResourceKey> {
    let keys = Set(changed.flatMap(view.followers))
    for (type, keys) in Dictionary(grouping: keys, by: \.type) {
      let isKnown: Void? = types.change(type) { follower in
        let names = keys.map(\.name).filter(follower.subscription.covers)
        // The client will ask for what is new to it: for that alone no list is made.
        guard !names.isEmpty else { return }
        // One list that many streams share, in place of a look at what each name needs.
        let wanted = follower.wanted(from: view)
        for name in names {
          guard let resource = wanted[name], follower.rejected[name] != resource else { continue }
          follower.owed.insert(name)
        }
      }
      if isKnown == nil, face == .delta, state.isSettled { unfollowed.formUnion(keys) }
    }
    return keys
  }
}

/// A response in the making.
struct Draft {
  /// What the client has differently afterwards, or is told again.
  var changes: ResourceChanges
  var followers: Set<ResourceKey> = []
  /// Whether it only carries what the client has rejected already, to find what it refuses.
  var isProbe = false
  var isDue = false

  /// Whether there is anything to say.
  fileprivate func isDue(
    _ state: TypeState, face: StreamMachine.Face, answersOwed: Bool
  ) -> Bool {
    switch face {
    case .delta: state.mustAnswer || !changes.isEmpty
    case .sotw where state.type.isFullState:
      state.mustAnswer || !changes.isEmpty || answersOwed
    case .sotw: !changes.changed.isEmpty
    }
  }

  fileprivate func response(
    of state: TypeState, face: StreamMachine.Face, nonce: String
  ) -> StreamResponse {
    let version = state.sent.version
    switch face {
    case .sotw:
      let resources = state.type.isFullState ? state.sent.elements : changes.changed
      return .sotw(
        SotWResponse(type: state.type, version: version, nonce: nonce, resources: resources))
    case .delta:
      return .delta(
        DeltaResponse(
          type: state.type, systemVersion: version, nonce: nonce,
          resources: changes.changed, removed: changes.removed))
    }
  }
}

extension TypeState {
  /// What a client kept from an earlier stream, and the view lost before ours was sent.
  fileprivate mutating func oweForeignRemovals(_ view: any ResourceView) {
    guard !foreign.isEmpty else { return }
    let gone = foreign.filter { view.named(type, $0) == nil }
    owed.formUnion(gone)
    foreign.subtract(gone)
  }

  /// All that the client should have.
  func wanted(from view: any ResourceView) -> SortedResources {
    SortedResources(
      view.list(type, wildcard: subscription.wildcard, names: subscription.resourceNames))
  }

  /// The names that the client has nothing of.
  fileprivate func missing(of names: Set<String>) -> [String] {
    let hasAll = !subscription.wildcard && sent.elements.count == subscription.names.count
    return hasAll ? [] : names.filter { sent[$0] == nil }
  }

  /// The difference for a few names.
  fileprivate func changes(
    of names: Set<String>, to view: any ResourceView
  ) -> ResourceChanges {
    var changes = ResourceChanges()
    for name in names.sorted() where subscription.covers(name) {
      if let resource = view.named(type, name) {
        if sent[name] != resource { changes.changed.append(resource) }
      } else if sent[name] != nil {
        changes.removed.append(name)
      }
    }
    return changes
  }

  fileprivate mutating func didSend(
    _ response: StreamResponse, _ draft: Draft, after before: SortedResources, at now: Duration,
    _ policy: StreamPolicy
  ) {
    let version =
      switch response {
      case .sotw(let response): response.version
      case .delta(let response): response.systemVersion
      }
    var record = SentResponse(
      nonce: response.nonce, version: version, sentAt: now, origin: origin,
      changes: draft.changes, full: face == .sotw && type.isFullState ? sent : nil,
      followers: draft.followers, generation: compared, isProbe: draft.isProbe)
    // Without the client's own removals, an answer to this leads from one list to the next.
    if face == .delta, !draft.isProbe { record.step = (before, sent) }
    origin = nil
    outstanding.append(record)
    lastSent = record.summary
    if outstanding.count > policy.maxOutstanding {
      let oldest = outstanding.removeFirst()
      outstanding[0].changes.absorb(oldest.changes)
      outstanding[0].step = nil
    }
  }
}
