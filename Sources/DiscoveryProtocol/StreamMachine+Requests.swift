// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

/// What clients say: subscriptions, ACK and NACK.
extension StreamMachine {
  mutating func take(_ request: SotWRequest) throws(StreamError) {
    guard face == .sotw else { throw wrongFace }
    try spend()
    try check(type: request.type, names: request.names, nodeSize: request.nodeSize)
    guard request.type != .healthInformation else { return }
    guard var state = types.take(request.type) else {
      var state = start(request.type)
      state.apply(state.subscription.replace(with: request.names))
      return try keep(state)
    }
    let isLatest = request.nonce == state.lastSent?.nonce
    // A stale request is not answered; the client's list comes again with a later ACK.
    let change =
      isLatest || request.nonce.isEmpty
      ? state.subscription.replace(with: request.names)
      : state.subscription.narrow(to: request.names)
    state.apply(change)
    if request.nonce.isEmpty {
      let forgot = state.lastSent != nil && state.outstanding.isEmpty
      if forgot { state.owe(state.sent.names) }
      return try keep(state)
    }
    let error = request.error.map(shortened)
    let concluded = state.concludeSotW(
      nonce: request.nonce, version: request.version, error: error, at: now)
    took(concluded, of: request.type, nonce: request.nonce, error: error, isStale: !isLatest)
    let repeats = concluded.isEmpty && isLatest && request.error == nil
    if repeats, change == Subscription.Change() { state.owe(warmed(of: request.type)) }
    try keep(state)
  }

  mutating func take(_ request: DeltaRequest) throws(StreamError) {
    guard face == .delta else { throw wrongFace }
    try spend()
    let names = request.subscribe + request.unsubscribe + request.initialVersions.keys
    try check(type: request.type, names: names, nodeSize: request.nodeSize)
    guard request.type != .healthInformation else { return }
    let known = types.take(request.type)
    let isNew = known == nil
    var state = known ?? start(request.type)
    if isNew {
      state.claimed = request.initialVersions
      state.pending = .all
    } else if !request.nonce.isEmpty {
      let error = request.error.map(shortened)
      let concluded = state.concludeDelta(nonce: request.nonce, error: error, at: now)
      took(concluded, of: request.type, nonce: request.nonce, error: error, isStale: true)
    }
    if !isNew { state.doubtClaims(of: request.subscribe) }
    // A stale nonce makes the answer stale, not the subscription changes.
    let change = state.subscription.change(
      subscribe: request.subscribe, unsubscribe: request.unsubscribe, first: isNew)
    state.apply(change)
    if change.askedAll, !isNew { state.owe(state.sent.names) }
    try keep(state)
  }

  /// Counts a question, whose answer is another's.
  mutating func take(_ question: QuestionCost) throws(StreamError) {
    try spend(question.isAnswer ? 1 : limits.questionCost)
    try check(type: question.type, names: question.names, nodeSize: question.nodeSize)
  }

  private var wrongFace: StreamError {
    StreamError(.invalidArgument, "The stream got a request of the other xDS variant.")
  }

  /// Counts a request, until it turns out to answer something.
  private mutating func spend(_ cost: Double = 1) throws(StreamError) {
    guard budget.spend(cost, limits, at: now) else {
      throw StreamError(
        exceeding: .requestRate,
        "The client sends more than \(Int(limits.requestRate)) requests a second that answer "
          + "nothing.")
    }
  }

  private func shortened(_ error: NackDetail) -> NackDetail {
    NackDetail(
      code: error.code,
      message: String(decoding: error.message.utf8.prefix(limits.maxErrorLength), as: UTF8.self))
  }

  /// Acts on answers: what waited for clusters goes on, clusters that waited for it may go.
  private mutating func took(
    _ concluded: [SentResponse], of type: ResourceType, nonce: String, error: NackDetail?,
    isStale: Bool
  ) {
    guard let last = concluded.last else {
      if isStale { record(.staleNonce(type, nonce: nonce)) }
      return
    }
    budget.refund()
    if let error {
      let names = last.changes.changed.map(\.name)
      let answer = last.answered(type, at: now)
      record(
        last.isProbe && names.count > 1
          ? .narrowed(answer, error, names: names) : .nacked(answer, error, names: names))
    } else {
      for response in concluded { record(.acked(response.answered(type, at: now))) }
    }
    if type == .cluster, gate.release(nonces: Set(concluded.map(\.nonce))) {
      reconsiderHeldBack()
    }
    if ResourceType.clusterReferrers.contains(type) { mustReviewRemovals = !removals.isEmpty }
  }

  /// The names of a type that the client warms for, each once a response that brought it.
  ///
  /// A state-of-the-world client asks for them with an old nonce, which looks like an ACK.
  private mutating func warmed(of type: ResourceType) -> [String] {
    var names: [String] = []
    guard type != .cluster else { return names }
    types.change(.cluster) { clusters in
      for index in clusters.outstanding.indices {
        let asked = clusters.outstanding[index].followers.filter { $0.type == type }
        names += asked.map(\.name)
        clusters.outstanding[index].followers.subtract(asked)
      }
    }
    return names
  }

  private mutating func keep(_ state: consuming TypeState) throws(StreamError) {
    types.put(state)
    let names = types.sum { $0.subscription.names.count }
    guard names <= limits.maxNames else {
      throw StreamError(
        exceeding: .names,
        "The client subscribes to \(names) names; at most \(limits.maxNames) are allowed.")
    }
  }

  private func check(
    type: ResourceType, names: [String], nodeSize: Int
  ) throws(StreamError) {
    if nodeSize > limits.maxNodeSize {
      throw StreamError(
        exceeding: .nodeSize,
        "The node has \(nodeSize) bytes; at most \(limits.maxNodeSize) are allowed.")
    }
    if type.url.isEmpty {
      throw StreamError(.invalidArgument, "The request names no type of resource.")
    }
    if !types.contains(type), types.count >= limits.maxTypes {
      throw StreamError(
        exceeding: .types, "The client asks for more than \(limits.maxTypes) types.")
    }
    if names.count > limits.maxNames {
      throw StreamError(
        exceeding: .names,
        "The request has \(names.count) names; at most \(limits.maxNames) are allowed.")
    }
    let longest = limits.maxNameLength
    if type.url.utf8.count > longest || names.contains(where: { $0.utf8.count > longest }) {
      throw StreamError(
        exceeding: .nameLength, "The request has a name of more than \(longest) bytes.")
    }
  }
}

extension TypeState {
  /// Owes what a change of the subscription asks for.
  fileprivate mutating func apply(_ change: Subscription.Change) {
    owed.formUnion(change.asked)
    if change.askedAll {
      mustAnswer = true
      pending = .all
    }
    if change.dropped { dropUnwanted() }
  }

  /// A client that asks again for what it said it has, before it was compared with anything, has
  /// forgotten it.
  fileprivate mutating func doubtClaims(of names: [String]) {
    guard !claimed.isEmpty else { return }
    let forgotten = names.contains("*") ? Array(claimed.keys) : names
    for name in forgotten where claimed[name] != nil { claimed[name] = "" }
  }

  /// Owes names that are still wanted.
  fileprivate mutating func owe(_ names: [String]) {
    owed.formUnion(names.filter(subscription.covers))
  }
}
