// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI

/// A server and clients of both faces over slow streams that break, driven by a seed.
struct Simulation {
  private(set) var failures: [String] = []
  private(set) var accepted = 0
  private(set) var rejections = 0
  private(set) var quiescences = 0
  private var random: SeededGenerator
  private var world = World()
  private var sessions: [Session]
  private var now = Duration.zero
  private var changes = 0

  /// A client, its stream and what is on its way.
  private struct Session {
    var client: ModelClient
    var machine: StreamMachine
    var inbox: [(response: StreamResponse, truth: World)] = []
    var deadlines: [StreamDeadline: Duration] = [:]
    var streams = 0
  }

  init(seed: UInt64, faces: [StreamMachine.Face]) {
    random = SeededGenerator(state: seed)
    sessions = faces.map { face in
      Session(client: ModelClient(face), machine: StreamMachine(face: face, noncePrefix: ""))
    }
    for index in sessions.indices { connect(index) }
  }

  mutating func run(steps: Int) {
    for step in 1...steps where failures.isEmpty {
      self.step()
      if step.isMultiple(of: 150) { settle() }
    }
    settle()
  }

  // MARK: One step

  private mutating func step() {
    let index = Int.random(in: sessions.indices, using: &random)
    switch Int.random(in: 0..<100, using: &random) {
    case ..<38: read(index, rejecting: Int.random(in: 0..<10, using: &random) == 0)
    case ..<76: deliver(index)
    case ..<86: change()
    case ..<90: pass(.milliseconds(Int.random(in: 0...700, using: &random)))
    case ..<97: resubscribe(index)
    case ..<99: sessions[index].client.answerStale(any(ModelClient.types))
    default: connect(index)
    }
  }

  private mutating func any<T>(_ choices: [T]) -> T {
    choices[Int.random(in: choices.indices, using: &random)]
  }

  private mutating func resubscribe(_ index: Int) {
    let type: ResourceType = any([.endpoint, .route])
    let name = (type == .route ? "r" : "c") + String(Int.random(in: 0..<6, using: &random))
    if Int.random(in: 0..<3, using: &random) == 0 {
      sessions[index].client.unsubscribe(type, name)
    } else {
      sessions[index].client.subscribe(type, name)
    }
  }

  /// The stream breaks and the client comes back with what it has.
  private mutating func connect(_ index: Int) {
    sessions[index].streams += 1
    var policy = StreamPolicy()
    policy.removalLimit = .seconds(10_000)
    sessions[index].machine = StreamMachine(
      face: sessions[index].client.face, noncePrefix: "s\(sessions[index].streams)-",
      policy: policy)
    sessions[index].inbox = []
    sessions[index].deadlines = [:]
    sessions[index].client.connect()
    handle(.push(world.view(), scope: .everything, origin: now), index)
  }

  private mutating func change() {
    changes += 1
    let number = Int.random(in: 0..<6, using: &random)
    let type: ResourceType = any(ModelClient.types)
    let isGone = Int.random(in: 0..<4, using: &random) == 0
    let text = "v\(changes)"
    let uses = " c:c\(Int.random(in: 0..<6, using: &random))"
    switch type {
    case .cluster: world.cluster("c\(number)", isGone ? nil : text)
    case .endpoint: world[.endpoint, "c\(number)"] = isGone ? nil : text
    case .listener: world[.listener, "l\(number)"] = isGone ? nil : text + " f:r\(number)" + uses
    default: world[.route, "r\(number)"] = isGone ? nil : text + uses
    }
    if Int.random(in: 0..<3, using: &random) == 0 { return change() }
    let view = world.view()
    let scope: PushScope =
      type == .endpoint && changes.isMultiple(of: 2) && lastPushed == changes - 1
      ? .endpoints(["c\(number)"], removed: isGone) : .everything
    lastPushed = changes
    for index in sessions.indices { handle(.push(view, scope: scope, origin: now), index) }
  }

  private var lastPushed = 0
  /// Whether so much time passes that clusters go even if something uses them.
  private var isSettling = false

  private mutating func deliver(_ index: Int) {
    guard !sessions[index].client.outbox.isEmpty else { return }
    handle(sessions[index].client.outbox.removeFirst(), index)
  }

  private mutating func read(_ index: Int, rejecting: Bool) {
    guard !sessions[index].inbox.isEmpty else { return }
    let (response, truth) = sessions[index].inbox.removeFirst()
    // There is nothing to reject in a removal.
    if rejecting, !response.resources.isEmpty {
      rejections += 1
      sessions[index].client.reject(response)
    } else {
      accepted += 1
      let before = sessions[index].client
      sessions[index].client.accept(response)
      check(response, truth, before, sessions[index].client)
    }
  }

  private mutating func pass(_ time: Duration) {
    now += time
    for index in sessions.indices {
      let due = sessions[index].deadlines.filter { $0.value <= now }
      for (deadline, _) in due.sorted(by: { $0.value < $1.value }) {
        sessions[index].deadlines[deadline] = nil
        handle(.deadline(deadline), index)
      }
    }
  }

  private mutating func handle(_ event: StreamEvent, _ index: Int) {
    for action in sessions[index].machine.handle(event, at: now) {
      switch action {
      case .send(let response): sessions[index].inbox.append((response, world))
      case .setDeadline(let deadline, let after):
        sessions[index].deadlines[deadline] = now + after
      case .record(.repaired(let type, let names)):
        failures.append("the server did not know that \(type.shortName) \(names) differ")
      case .record: break
      case .closeWithError(let error): failures.append(error.message)
      }
    }
  }

  // MARK: What must hold

  /// Clusters come before what uses them and go after it.
  private mutating func check(
    _ response: StreamResponse, _ truth: World, _ before: ModelClient, _ after: ModelClient
  ) {
    let names = response.resources.map(\.name)
    if names != Set(names).sorted() { failures.append("unsorted or twice: \(names)") }
    let clusters = after.held[.cluster] ?? [:]
    let lost = Set((before.held[.cluster] ?? [:]).keys).subtracting(clusters.keys)
    for type in ModelClient.referrers {
      for (name, resource) in after.held[type] ?? [:] {
        let isCurrent = truth[type, name] == text(resource)
        for cluster in references("c:", in: resource) {
          // What came on an earlier stream the server cannot know.
          let isKnownToServer = after.fresh.contains(ResourceKey(type, name))
          if lost.subtracting(before.refusedRemovals).contains(cluster), !isCurrent,
            isKnownToServer, !isSettling
          {
            failures.append("\(cluster) went while \(name) used it")
          }
          let key = ResourceKey(type, name)
          let isNew = before.seen[key] != resource && before.rejected[key] != resource
          let isKnown = clusters[cluster] != nil || truth[.cluster, cluster] == nil
          let isRefused =
            after.refusedSets.contains(.cluster)
            || after.rejected[ResourceKey(.cluster, cluster)] != nil
          if isNew, isCurrent, !isKnown, !isRefused {
            failures.append("\(name) came before \(cluster)")
          }
        }
      }
    }
  }

  /// Lets all agree, and compares what the clients have with the truth.
  private mutating func settle() {
    guard failures.isEmpty else { return }
    isSettling = true
    defer { isSettling = false }
    var quietRounds = 0
    var rounds = 0
    while quietRounds < 3, rounds < 1000 {
      rounds += 1
      let isQuiet = sessions.allSatisfy { $0.inbox.isEmpty && $0.client.outbox.isEmpty }
      quietRounds = isQuiet ? quietRounds + 1 : 0
      for index in sessions.indices {
        while !sessions[index].client.outbox.isEmpty { deliver(index) }
        while !sessions[index].inbox.isEmpty { read(index, rejecting: false) }
      }
      if isQuiet { pass(.seconds(20_000)) }
    }
    if rounds == 1000 { failures.append("no agreement is reached") }
    quiescences += 1
    for index in sessions.indices { handle(.audit(world.view()), index) }
    for session in sessions {
      for type in ModelClient.types { compare(session, type) }
    }
  }

  private mutating func compare(_ session: Session, _ type: ResourceType) {
    let client = session.client
    if client.refusedSets.contains(type) { return }
    let held = client.held[type] ?? [:]
    for name in world.names(type) where client.wants(type, name) {
      guard let truth = world[type, name], held[name].map(text) != truth else { continue }
      if client.rejected[ResourceKey(type, name)].map(text) == truth { continue }
      failures.append("\(client.face) \(type.shortName) \(name) is not \(truth)")
    }
    for (name, resource) in held where world[type, name] == nil {
      if client.face == .sotw, !client.isWildcard(type) { continue }
      if type == .cluster, usesOldContent(client, name) { continue }
      if type == .endpoint, client.held[.cluster]?[name] != nil { continue }
      failures.append("\(client.face) \(type.shortName) \(text(resource)) should be gone")
    }
  }

  /// Whether a client still needs a cluster for something that it should have given up.
  private func usesOldContent(_ client: ModelClient, _ cluster: String) -> Bool {
    ModelClient.referrers.contains { type in
      (client.held[type] ?? [:]).contains { name, resource in
        world[type, name] != text(resource)
          && references("c:", in: resource).contains(cluster)
      }
    }
  }
}
