// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI

/// A client as the protocol's document describes it: it rejects a response whole or not at all.
///
/// It wants all clusters and listeners, and endpoints and routes by name.
struct ModelClient {
  static let types: [ResourceType] = [.cluster, .endpoint, .listener, .route]
  static let referrers: [ResourceType] = [.listener, .route]

  let face: StreamMachine.Face
  var held: [ResourceType: [String: EncodedResource]] = [:]
  var wanted: [ResourceType: Set<String>] = [:]
  var outbox: [StreamEvent] = []
  /// What it accepted last, even if it forgot it since.
  private(set) var seen: [ResourceKey: EncodedResource] = [:]
  /// Clusters whose removal it refused; the server may say it again at any time.
  private(set) var refusedRemovals: Set<String> = []
  /// What it accepted on this stream.
  private(set) var fresh: Set<ResourceKey> = []
  /// The content that it rejected last, by name.
  private(set) var rejected: [ResourceKey: EncodedResource] = [:]
  /// The full sets that it rejected last.
  private(set) var refusedSets: Set<ResourceType> = []
  private var nonces: [ResourceType: String] = [:]
  private var versions: [ResourceType: String] = [:]

  init(_ face: StreamMachine.Face) { self.face = face }

  func isWildcard(_ type: ResourceType) -> Bool { type == .cluster || type == .listener }

  func wants(_ type: ResourceType, _ name: String) -> Bool {
    isWildcard(type) || wanted[type, default: []].contains(name)
  }

  mutating func connect() {
    outbox = []
    fresh = []
    refusedRemovals = []
    nonces = [:]
    rejected = [:]
    refusedSets = []
    for type in ModelClient.types {
      let names = wanted[type, default: []].sorted()
      switch face {
      case .sotw:
        outbox.append(.sotw(SotWRequest(type, version: versions[type] ?? "", names: names)))
      case .delta:
        let having = (held[type] ?? [:]).mapValues(\.version)
        outbox.append(.delta(DeltaRequest(type, subscribe: names, initialVersions: having)))
      }
    }
  }

  mutating func subscribe(_ type: ResourceType, _ name: String) {
    // In state of the world a client cannot say that it forgot something.
    if face == .delta { held[type]?[name] = nil }
    wanted[type, default: []].insert(name)
    send(type, nonce: nonces[type] ?? "", subscribe: [name])
  }

  mutating func unsubscribe(_ type: ResourceType, _ name: String) {
    wanted[type, default: []].remove(name)
    held[type]?[name] = nil
    seen[ResourceKey(type, name)] = nil
    rejected[ResourceKey(type, name)] = nil
    send(type, nonce: nonces[type] ?? "", unsubscribe: [name])
  }

  mutating func answerStale(_ type: ResourceType) { send(type, nonce: "stale") }

  mutating func accept(_ response: StreamResponse) {
    let type = response.type
    nonces[type] = response.nonce
    for resource in response.resources { rejected[ResourceKey(type, resource.name)] = nil }
    if type == .cluster { refusedRemovals.subtract(response.resources.map(\.name)) }
    switch response {
    case .sotw(let response):
      versions[type] = response.version
      if isWildcard(type) {
        held[type] = [:]
        refusedSets.remove(type)
        rejected = rejected.filter { $0.key.type != type }
      }
    case .delta(let response):
      for name in response.removed { held[type]?[name] = nil }
    }
    for resource in response.resources where wants(type, resource.name) {
      held[type, default: [:]][resource.name] = resource
      seen[ResourceKey(type, resource.name)] = resource
      fresh.insert(ResourceKey(type, resource.name))
    }
    send(type, nonce: response.nonce)
  }

  mutating func reject(_ response: StreamResponse) {
    let type = response.type
    nonces[type] = response.nonce
    if face == .sotw, isWildcard(type) { refusedSets.insert(type) }
    if type == .cluster {
      let left = Set((held[type] ?? [:]).keys).subtracting(response.resources.map(\.name))
      refusedRemovals.formUnion(face == .sotw ? left : Set(response.removed))
    }
    for resource in response.resources where wants(type, resource.name) {
      rejected[ResourceKey(type, resource.name)] = resource
    }
    send(type, nonce: response.nonce, error: NackDetail(message: "rejected"))
  }

  private mutating func send(
    _ type: ResourceType, nonce: String, subscribe: [String] = [], unsubscribe: [String] = [],
    error: NackDetail? = nil
  ) {
    switch face {
    case .sotw:
      outbox.append(
        .sotw(
          SotWRequest(
            type, version: versions[type] ?? "", nonce: nonce,
            names: wanted[type, default: []].sorted(), error: error)))
    case .delta:
      // A subscription change is spontaneous; only an answer names a nonce.
      let isAnswer = subscribe.isEmpty && unsubscribe.isEmpty
      outbox.append(
        .delta(
          DeltaRequest(
            type, nonce: isAnswer ? nonce : "", subscribe: subscribe, unsubscribe: unsubscribe,
            error: error)))
    }
  }
}
