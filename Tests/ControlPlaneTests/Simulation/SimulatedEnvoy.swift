// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI

@testable import DiscoveryServer

/// A client that behaves as Envoy does: it follows clusters to endpoints and listeners to routes, and
/// answers about clusters once none of them warms.
struct SimulatedEnvoy {
  /// How it differs from what it should be.
  enum Character: CaseIterable {
    case honest
    /// It reads seldom.
    case slow
    /// It refuses some responses.
    case refusing
    /// It answers what was not asked, asks for what is not there, and forgets.
    case lying
    /// It answers nothing.
    case silent
  }

  let face: StreamMachine.Face
  let character: Character
  /// What a resource makes it wait for.
  let followers: @Sendable (EncodedResource) -> [ResourceKey]
  private(set) var held: [ResourceType: [String: EncodedResource]] = [:]
  private(set) var wanted: [ResourceType: Set<String>] = [:]
  private(set) var outbox: [StreamRequest] = []
  /// What it refused last, until it accepts other content of the name.
  private(set) var refused: [ResourceKey: EncodedResource] = [:]
  private(set) var refusedSets: Set<ResourceType> = []
  private var asked: Set<ResourceType> = []
  private var nonces: [ResourceType: String] = [:]
  private var versions: [ResourceType: String] = [:]
  private var warming: Set<String> = []
  private var withheld: [String] = []

  static let types: [ResourceType] = [.cluster, .endpoint, .listener, .route]

  init(
    _ face: StreamMachine.Face, _ character: Character,
    followers: @escaping @Sendable (EncodedResource) -> [ResourceKey]
  ) {
    self.face = face
    self.character = character
    self.followers = followers
  }

  func isWildcard(_ type: ResourceType) -> Bool { type == .cluster || type == .listener }

  // MARK: Asking

  /// Begins a stream with what it has.
  mutating func connect() {
    (outbox, asked, nonces, withheld) = ([], [], [:], [])
    (refused, refusedSets, warming) = ([:], [], [])
    for type in [ResourceType.cluster, .listener] { ask(type) }
    for type in [ResourceType.endpoint, .route] where wanted[type]?.isEmpty == false { ask(type) }
  }

  private mutating func ask(_ type: ResourceType) {
    let names = wanted[type, default: []].sorted()
    asked.insert(type)
    switch face {
    case .sotw:
      outbox.append(.sotw(SotWRequest(type, version: versions[type] ?? "", names: names)))
    case .delta:
      let having = (held[type] ?? [:]).mapValues(\.version)
      outbox.append(.delta(DeltaRequest(type, subscribe: names, initialVersions: having)))
    }
  }

  private mutating func want(_ type: ResourceType, _ names: Set<String>, again: Bool) {
    let before = wanted[type, default: []]
    guard names != before || again else { return }
    wanted[type] = names
    for name in before.subtracting(names) {
      held[type]?[name] = nil
      refused[ResourceKey(type, name)] = nil
    }
    guard asked.contains(type) else { return ask(type) }
    switch face {
    case .sotw: answer(type, nonces[type] ?? "")
    case .delta:
      guard names != before else { return }
      outbox.append(
        .delta(
          DeltaRequest(
            type, subscribe: names.subtracting(before).sorted(),
            unsubscribe: before.subtracting(names).sorted())))
    }
  }

  private mutating func answer(_ type: ResourceType, _ nonce: String, error: NackDetail? = nil) {
    switch face {
    case .sotw:
      let names = wanted[type, default: []].sorted()
      outbox.append(
        .sotw(
          SotWRequest(
            type, version: versions[type] ?? "", nonce: nonce, names: names, error: error)))
    case .delta:
      outbox.append(.delta(DeltaRequest(type, nonce: nonce, error: error)))
    }
  }

  mutating func takeRequest() -> StreamRequest { outbox.removeFirst() }

  /// Says something that no honest client says.
  mutating func lie(_ random: inout SeededGenerator) {
    let type = Self.types.randomElement(using: &random) ?? .cluster
    switch Int.random(in: 0..<4, using: &random) {
    case 0: answer(type, "never-sent")
    case 1 where asked.contains(type): answer(type, nonces[type] ?? "")
    case 2 where face == .delta && !isWildcard(type) && asked.contains(type):
      outbox.append(.delta(DeltaRequest(type, subscribe: ["no-such-name"])))
      outbox.append(.delta(DeltaRequest(type, unsubscribe: ["no-such-name"])))
    case 3 where face == .delta && asked.contains(type):
      // It forgot one, and asks for it again.
      guard let name = wanted[type]?.randomElement(using: &random) else { return }
      held[type]?[name] = nil
      outbox.append(.delta(DeltaRequest(type, subscribe: [name])))
    default: break
    }
  }

  // MARK: Taking

  mutating func refuse(_ response: StreamResponse) {
    let type = response.type
    nonces[type] = response.nonce
    if face == .sotw, isWildcard(type) { refusedSets.insert(type) }
    for resource in response.resources { refused[ResourceKey(type, resource.name)] = resource }
    answer(type, response.nonce, error: NackDetail(message: "no"))
  }

  mutating func accept(_ response: StreamResponse) {
    let type = response.type
    nonces[type] = response.nonce
    let before = held[type] ?? [:]
    switch response {
    case .sotw(let whole):
      versions[type] = whole.version
      if isWildcard(type) {
        held[type] = [:]
        refusedSets.remove(type)
        refused = refused.filter { $0.key.type != type }
      }
    case .delta(let part):
      for name in part.removed { held[type]?[name] = nil }
    }
    for resource in response.resources {
      refused[ResourceKey(type, resource.name)] = nil
      guard isWildcard(type) || wanted[type, default: []].contains(resource.name) else { continue }
      held[type, default: [:]][resource.name] = resource
    }
    follow(type, before: before, response)
  }

  private mutating func follow(
    _ type: ResourceType, before: [String: EncodedResource], _ response: StreamResponse
  ) {
    let now = held[type] ?? [:]
    let changed = now.values.filter { before[$0.name] != $0 }
    switch type {
    case .cluster:
      let names = Set(now.values.flatMap(followers).map(\.name))
      warming = warming.intersection(names).union(changed.flatMap(followers).map(\.name))
      withheld.append(response.nonce)
      want(.endpoint, names, again: !changed.flatMap(followers).isEmpty)
    case .listener:
      say(type, response.nonce)
      want(.route, Set(now.values.flatMap(followers).map(\.name)), again: false)
    case .endpoint:
      warming.subtract(response.resources.map(\.name))
      warming.subtract(response.removed)
      say(type, response.nonce)
    default: say(type, response.nonce)
    }
    if warming.isEmpty { answerClusters() }
  }

  /// Envoy waits for endpoints for a time only.
  mutating func endWarming() {
    warming = []
    answerClusters()
  }

  private mutating func answerClusters() {
    for nonce in withheld { say(.cluster, nonce) }
    withheld = []
  }

  private mutating func say(_ type: ResourceType, _ nonce: String) {
    if character != .silent { answer(type, nonce) }
  }
}

extension StreamRequest {
  /// The response that it answers; empty for none.
  var nonce: String {
    switch self {
    case .sotw(let request): request.nonce
    case .delta(let request): request.nonce
    }
  }
}

/// A small generator with a seed that a failing test prints (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }
}
