// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI

@testable import DiscoveryServer

/// What must hold of every response of a stream, seen from outside of its machine.
struct StreamLaws {
  /// Why the machine was asked.
  enum Cause {
    case request(nonce: String)
    case push(PushScope)
    case deadline

    /// What the client answers; empty where it answers nothing.
    var nonce: String {
      if case .request(let nonce) = self { return nonce }
      return ""
    }

    /// Whether endpoints went away, which nothing holds back.
    fileprivate var isUrgent: Bool {
      if case .push(let scope) = self { return scope.removesEndpoints }
      return false
    }
  }

  /// The clusters that were sent and not taken back.
  private var clusters: Set<String> = []
  /// Clusters that are new to a client that had answered about clusters: it has not answered yet.
  private var fresh: [String: (nonce: String, sentAt: Duration)] = [:]
  private var hasAnsweredClusters = false
  private var sentTypes: Set<ResourceType> = []
  /// What uses clusters, as it was sent last.
  private var referrers: [ResourceKey: EncodedResource] = [:]
  /// What uses clusters, as the client answered last that it has it.
  private var confirmed: [ResourceKey: EncodedResource] = [:]
  private var inFlight: [String: Delivery] = [:]
  /// What the client asks for by name, as its requests told.
  private var wanted: [ResourceType: Set<String>] = [:]
  /// What the client refused by itself, so that nothing else can have been meant.
  private var refused: [ResourceKey: EncodedResource] = [:]
  /// Responses of one resource that are on their way.
  private var single: [String: EncodedResource] = [:]
  /// Responses that the client has not answered, with the time of their sending.
  private var unanswered: [ResourceType: [String: Duration]] = [:]

  /// What a response brings of what uses clusters, as far as the client still wants it.
  private struct Delivery {
    var type: ResourceType
    var resources: [EncodedResource]
    var removed: [String]
  }

  /// The laws of a stream whose client says that it has these clusters.
  init(claimed: Set<String> = []) { clusters = claimed }

  /// The client says what it wants: what it has given up it no longer uses.
  mutating func take(_ request: StreamRequest) {
    let isGone: (ResourceKey) -> Bool
    switch request {
    case .sotw(let request):
      wanted[request.type] = Set(request.names)
      guard request.type == .route else { return }
      isGone = { $0.type == .route && !request.names.contains($0.name) }
    case .delta(let request):
      wanted[request.type, default: []].subtract(request.unsubscribe)
      wanted[request.type, default: []].formUnion(request.subscribe)
      for name in request.subscribe { refused[ResourceKey(request.type, name)] = nil }
      isGone = { $0.type == request.type && request.unsubscribe.contains($0.name) }
    }
    refused = refused.filter { !isGone($0.key) }
    referrers = referrers.filter { !isGone($0.key) }
    confirmed = confirmed.filter { !isGone($0.key) }
    inFlight = inFlight.mapValues { delivery in
      var delivery = delivery
      delivery.resources.removeAll { isGone(ResourceKey(delivery.type, $0.name)) }
      return delivery
    }
  }

  /// The machine took an answer.
  mutating func note(_ record: StreamRecord, _ face: StreamMachine.Face) {
    switch record {
    case .acked(let answer), .nacked(let answer, _, _), .narrowed(let answer, _, _):
      unanswered[answer.type]?[answer.nonce] = nil
      if let resource = single.removeValue(forKey: answer.nonce) {
        let key = ResourceKey(answer.type, resource.name)
        if case .acked = record { refused[key] = nil } else { refused[key] = resource }
      }
      let response = inFlight.removeValue(forKey: answer.nonce)
      if case .acked = record, let response { confirm(response, face) }
      guard answer.type == .cluster else { return }
      hasAnsweredClusters = true
      // Over state of the world an answer covers what was sent before.
      fresh = fresh.filter {
        $0.value.nonce != answer.nonce && (face == .delta || $0.value.sentAt > answer.sentAt)
      }
    default: break
    }
  }

  private mutating func confirm(_ response: Delivery, _ face: StreamMachine.Face) {
    if face == .sotw, response.type == .listener {
      confirmed = confirmed.filter { $0.key.type != .listener }
    }
    for name in response.removed { confirmed[ResourceKey(response.type, name)] = nil }
    for resource in response.resources {
      confirmed[ResourceKey(response.type, resource.name)] = resource
    }
  }

  /// Takes in what was sent; returns what is wrong with it.
  mutating func check(
    _ sent: [StreamResponse], after cause: Cause, view: (any ResourceView)?,
    face: StreamMachine.Face, policy: StreamPolicy, at now: Duration
  ) -> [String] {
    guard let view else { return sent.isEmpty ? [] : ["something is sent before there is a view"] }
    var failures: [String] = []
    for (index, response) in sent.enumerated() {
      let names = response.resources.map(\.name)
      if names != Set(names).sorted() { failures.append("unsorted or twice: \(names)") }
      failures += overlap(response, sent[..<index], cause, policy, now)
      failures += early(response, view, policy, now)
      failures += order(response, view, face)
      failures += unasked(response)
      if face == .delta { failures += again(response) }
      sentTypes.insert(response.type)
    }
    return failures
  }

  /// What is asked for by name goes to who asks for it.
  private func unasked(_ response: StreamResponse) -> [String] {
    guard [.endpoint, .route].contains(response.type) else { return [] }
    let names = Set(response.resources.map(\.name)).subtracting(wanted[response.type] ?? [])
    return names.isEmpty ? [] : ["\(names.sorted()) are sent to who does not ask for them"]
  }

  /// What was refused is not sent again as it was, unless the client asks for it or it was away.
  private mutating func again(_ response: StreamResponse) -> [String] {
    for name in response.removed { refused[ResourceKey(response.type, name)] = nil }
    if response.resources.count == 1 { single[response.nonce] = response.resources[0] }
    return response.resources.compactMap { resource in
      let key = ResourceKey(response.type, resource.name)
      if refused[key] == resource { return "\(resource.name) is sent again though it was refused" }
      refused[key] = nil
      return nil
    }
  }

  /// One response of a type waits for its answer, unless the client asks or something belongs to
  /// what has just been sent.
  private mutating func overlap(
    _ response: StreamResponse, _ before: ArraySlice<StreamResponse>, _ cause: Cause,
    _ policy: StreamPolicy, _ now: Duration
  ) -> [String] {
    let type = response.type
    defer { unanswered[type, default: [:]][response.nonce] = now }
    guard type != .cluster, let last = unanswered[type]?.values.max(), now < last + policy.flowWait
    else { return [] }
    if case .request = cause { return [] }
    let follows = before.contains { [.cluster, .listener].contains($0.type) }
    guard !follows, !(type == .endpoint && cause.isUrgent) else { return [] }
    return ["\(type.shortName) is sent again before the client has answered"]
  }

  /// What uses a new cluster waits for the answer about it, for a time.
  private mutating func early(
    _ response: StreamResponse, _ view: any ResourceView, _ policy: StreamPolicy, _ now: Duration
  ) -> [String] {
    if response.type == .cluster {
      guard hasAnsweredClusters else { return [] }
      for name in response.resources.map(\.name) where !clusters.contains(name) {
        if fresh[name] == nil { fresh[name] = (response.nonce, now) }
      }
      return []
    }
    guard sentTypes.contains(response.type) else { return [] }
    return response.resources.compactMap { resource in
      let key = ResourceKey(response.type, resource.name)
      guard referrers[key] != resource else { return nil }
      let waiting = view.clusters(referencedBy: resource).filter { name in
        fresh[name].map { now < $0.sentAt + policy.warmingWait } ?? false
      }
      return waiting.isEmpty
        ? nil : "\(resource.name) does not wait for the answer about \(waiting.sorted())"
    }
  }

  /// Nothing refers to a cluster that was not sent, and no cluster goes while something uses it.
  private mutating func order(
    _ response: StreamResponse, _ view: any ResourceView, _ face: StreamMachine.Face
  ) -> [String] {
    if response.type == .cluster { return orderOfClusters(response, view, face) }
    guard [.listener, .route].contains(response.type) else { return [] }
    var failures: [String] = []
    inFlight[response.nonce] = Delivery(
      type: response.type, resources: response.resources, removed: response.removed)
    for name in response.removed { referrers[ResourceKey(response.type, name)] = nil }
    if face == .sotw, response.type == .listener {
      referrers = referrers.filter { $0.key.type != .listener }
    }
    for resource in response.resources {
      referrers[ResourceKey(response.type, resource.name)] = resource
      let missing = view.clusters(referencedBy: resource).subtracting(clusters)
        .filter { view.named(.cluster, $0) != nil }
      if !missing.isEmpty { failures.append("\(resource.name) comes before \(missing.sorted())") }
    }
    return failures
  }

  private mutating func orderOfClusters(
    _ response: StreamResponse, _ view: any ResourceView, _ face: StreamMachine.Face
  ) -> [String] {
    let before = clusters
    let names = Set(response.resources.map(\.name))
    clusters = face == .sotw ? names : clusters.subtracting(response.removed).union(names)
    let gone = before.subtracting(clusters)
    guard !gone.isEmpty else { return [] }
    // What the view has the same uses clusters that there are not: that is how it is meant.
    return (Array(referrers.values) + confirmed.values).compactMap { resource in
      guard view.named(resource.type, resource.name) != resource else { return nil }
      let used = view.clusters(referencedBy: resource).intersection(gone)
      return used.isEmpty ? nil : "\(used.sorted()) go while \(resource.name) uses them"
    }
  }
}
