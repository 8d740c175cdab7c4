// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import JSON
import MeshModel
import ServiceDiscovery

@testable import ControlPlane
@testable import DiscoveryProtocol
@testable import DiscoveryServer

/// The control plane without its shells: store, scheduler, translation and streams over a network
/// and a clock that one seed drives.
///
/// Within a stream order is kept, as TCP does; between streams, pushes, deadlines and clients anything
/// may come before anything. Streams break and lose what was on its way, and the control plane
/// restarts.
struct ControlPlaneSimulation {
  private(set) var failures: [String] = []
  /// What happened, for who reads a failure.
  private(set) var history: [String] = []
  private(set) var counts = Counts()

  struct Counts {
    var responses = 0
    var refusals = 0
    var breaks = 0
    var restarts = 0
    var overtakings = 0
    var quiescences = 0
  }

  /// Whether what streams take and send is told too.
  private let tellsAll: Bool
  private var random: SeededGenerator
  private var mesh = SimulatedMesh.begun
  private var scheduler = PushScheduler(windows: .init())
  private let translator: Translator
  /// What the server serves: the snapshot that was pushed last.
  private var served: MeshSnapshot?
  private var sessions: [Session] = []
  private var now = Duration.zero
  private let base = ContinuousClock.now
  private var streams = 0
  private var isSettling = false

  /// How many requests a stream keeps before it reads no more.
  private static let room = 16

  private struct Session {
    var client: SimulatedEnvoy
    var node: ProxyNode
    var machine = StreamMachine(face: .sotw, noncePrefix: "")
    var inbox = StreamInbox()
    var deadlines: [StreamDeadline: Duration] = [:]
    var toServer: [StreamRequest] = []
    var toClient: [StreamResponse] = []
    var isOpen = false
    var laws = StreamLaws()
    /// The latest views by generation: a view is a function of the snapshot.
    var views: [UInt64: ProxyView] = [:]

    /// Whether nothing is on its way between client and machine.
    var isQuiet: Bool {
      client.outbox.isEmpty && toServer.isEmpty && toClient.isEmpty && inbox.requests.isEmpty
    }
  }

  init(seed: UInt64, translator: Translator, tellsAll: Bool = false) {
    self.tellsAll = tellsAll
    random = SeededGenerator(state: seed)
    self.translator = translator
    served = mesh.store.snapshot
    for (index, id) in Self.nodeIDs.enumerated() {
      guard let node = Self.node(id) else { continue }
      let face: StreamMachine.Face = (UInt64(index) + seed).isMultiple(of: 2) ? .delta : .sotw
      let honest = index == 0 || Int.random(in: 0..<4, using: &random) == 0
      let character =
        honest ? .honest : SimulatedEnvoy.Character.allCases.randomElement(using: &random)
      // Over state of the world a client that answers nothing cannot even say what it wants.
      let isMute = character == .silent && face == .sotw
      let client = SimulatedEnvoy(face, isMute ? .slow : character ?? .honest) { resource in
        translator.relations.relations(of: resource).followers
      }
      sessions.append(Session(client: client, node: node))
      connect(index)
    }
  }

  private static let nodeIDs = [
    "sidecar~10.1.0.1~s0-0.default~default.svc.cluster.local",
    "sidecar~10.1.1.2~s1-1.default~default.svc.cluster.local",
    "router~10.1.9.1~gw-1.default~default.svc.cluster.local",
  ]

  private static func node(_ id: String) -> ProxyNode? {
    let labels: JSONObject.Member =
      id.hasPrefix("router") ? .init("istio", "ingress") : .init("app", "s0")
    let metadata = JSONObject(distinct: [
      .init("NAMESPACE", "default"), .init("LABELS", .object(JSONObject(distinct: [labels]))),
    ])
    return ProxyNode(
      id: id, metadata: metadata, locality: Locality(),
      serviceCluster: "", extensions: [], envoyVersion: "1.35.0", clientFeatures: [])
  }

  mutating func run(steps: Int) {
    for step in 1...steps where failures.isEmpty {
      self.step()
      if step.isMultiple(of: 50) { settle() }
    }
    settle()
  }

  // MARK: One step

  private mutating func step() {
    let index = Int.random(in: sessions.indices, using: &random)
    switch Int.random(in: 0..<100, using: &random) {
    case ..<12: change()
    case ..<34: serve(index)
    case ..<54: deliver(index)
    case ..<80: read(index)
    case ..<92: pass(.milliseconds(Int.random(in: 0...40, using: &random)))
    case ..<96: pass(.milliseconds(Int.random(in: 0...2500, using: &random)))
    case ..<98: if sessions[index].client.character == .lying { lie(index) }
    case 98: breakStream(index)
    default: if Int.random(in: 0..<4, using: &random) == 0 { restart() }
    }
    checkTruth(index)
  }

  private mutating func change() {
    let (change, words) = mesh.change(&random)
    history.append("\(now) \(words)")
    take(change)
  }

  private mutating func take(_ change: StoreChange) {
    guard !change.isEmpty, let snapshot = mesh.store.snapshot else { return }
    push(scheduler.take(change, snapshot, at: now))
  }

  /// As `DiscoveryServer.push`.
  private mutating func push(_ pushes: [PushScheduler.Push]) {
    for due in pushes {
      if due.push.scope.isAhead { counts.overtakings += 1 }
      served = due.snapshot
      for index in sessions.indices where sessions[index].isOpen {
        sessions[index].inbox.put(
          PendingPush(
            snapshot: due.snapshot, scope: due.push.scope, origin: base + due.push.origin))
      }
    }
  }

  private mutating func pass(_ time: Duration) {
    let end = now + time
    while let deadline = scheduler.nextDeadline, deadline <= end {
      now = max(now, deadline)
      push(scheduler.tick(at: now))
    }
    now = end
  }

  // MARK: The network

  private mutating func connect(_ index: Int) {
    streams += 1
    let client = sessions[index].client
    sessions[index].machine = StreamMachine(
      face: client.face, noncePrefix: "s\(streams)-", policy: Self.policy)
    sessions[index].inbox = StreamInbox()
    sessions[index].deadlines = [:]
    sessions[index].toServer = []
    sessions[index].toClient = []
    sessions[index].isOpen = false
    sessions[index].laws = StreamLaws(
      claimed: client.face == .delta ? Set((client.held[.cluster] ?? [:]).keys) : [])
    sessions[index].client.connect()
  }

  private static var policy: StreamPolicy {
    var policy = StreamPolicy()
    policy.removalLimit = .seconds(10_000)
    policy.drain = .milliseconds(200)
    policy.maxOutstanding = 6
    return policy
  }

  private mutating func breakStream(_ index: Int) {
    history.append("\(now) stream \(index) breaks")
    counts.breaks += 1
    connect(index)
  }

  /// All streams end, and what was debounced is pushed as the first snapshot.
  private mutating func restart() {
    history.append("\(now) restart")
    counts.restarts += 1
    scheduler = PushScheduler(windows: .init())
    served = mesh.store.snapshot
    for index in sessions.indices { connect(index) }
  }

  /// A request leaves the client, or reaches the stream.
  private mutating func deliver(_ index: Int) {
    if !sessions[index].client.outbox.isEmpty {
      sessions[index].toServer.append(sessions[index].client.takeRequest())
    }
    guard !sessions[index].toServer.isEmpty, sessions[index].inbox.requests.count < Self.room
    else { return }
    if !sessions[index].isOpen { open(index) }
    sessions[index].inbox.put(sessions[index].toServer.removeFirst())
  }

  /// As `ProxyStream.open`.
  private mutating func open(_ index: Int) {
    sessions[index].isOpen = true
    guard let served else { return }
    sessions[index].inbox.put(
      PendingPush(snapshot: served, scope: .everything, origin: base + now))
  }

  private mutating func read(_ index: Int) {
    let character = sessions[index].client.character
    if character == .slow, !isSettling, Int.random(in: 0..<5, using: &random) > 0 { return }
    guard !sessions[index].toClient.isEmpty else { return }
    let response = sessions[index].toClient.removeFirst()
    let refuses =
      character == .refusing && !isSettling && !response.resources.isEmpty
      && Bool.random(using: &random)
    guard !refuses else {
      counts.refusals += 1
      sessions[index].client.refuse(response)
      return
    }
    sessions[index].client.accept(response)
  }

  private mutating func view(_ index: Int, _ snapshot: MeshSnapshot) -> ProxyView {
    if let known = sessions[index].views[snapshot.generation] { return known }
    let made = translator.view(snapshot, sessions[index].node)
    if sessions[index].views.count > 8 { sessions[index].views = [:] }
    sessions[index].views[snapshot.generation] = made
    return made
  }

  private mutating func lie(_ index: Int) { sessions[index].client.lie(&random) }

  // MARK: The server

  /// As `ProxyStream.work`.
  private mutating func serve(_ index: Int) {
    switch sessions[index].inbox.take(at: base + now) {
    case .end: break
    case .request(let request):
      sessions[index].laws.take(request)
      handle(request.event, .request(nonce: request.nonce), index)
    case .push(let push):
      let view = view(index, push.snapshot)
      let scope = push.scope.seen(from: sessions[index].node.addresses)
      let event = StreamEvent.push(
        view, scope: scope, origin: push.origin - base, generation: push.snapshot.generation)
      handle(event, .push(scope), index)
    case .nothing:
      let due = sessions[index].deadlines.min { $0.value < $1.value }
      guard let due, due.value <= now else { return }
      sessions[index].deadlines[due.key] = nil
      handle(.deadline(due.key), .deadline, index)
    }
  }

  private mutating func handle(_ event: StreamEvent, _ cause: StreamLaws.Cause, _ index: Int) {
    let actions = sessions[index].machine.handle(event, at: now)
    if tellsAll { tell(event, actions, index) }
    var sent: [StreamResponse] = []
    for action in actions {
      switch action {
      case .send(let response): sent.append(response)
      case .setDeadline(let deadline, let after):
        sessions[index].deadlines[deadline] = now + after
      case .record(.repaired(let type, let names)):
        fail(index, "the server did not know that \(type.shortName) \(names) differ")
      case .record(.acked(let answer))
      where sessions[index].machine.face == .delta && cause.nonce != answer.nonce:
        fail(index, "\(answer.nonce) counts as answered, but the client answered \(cause.nonce)")
      case .record(let record): sessions[index].laws.note(record, sessions[index].machine.face)
      case .closeWithError(let error): fail(index, "the stream ends: \(error.message)")
      }
    }
    counts.responses += sent.count
    sessions[index].toClient += sent
    let view = sessions[index].machine.view
    for failure in sessions[index].laws.check(
      sent, after: cause, view: view, face: sessions[index].client.face,
      policy: Self.policy, at: now)
    { fail(index, failure) }
    let outstanding = sessions[index].machine.types.values.map(\.outstanding.count).max() ?? 0
    if outstanding > Self.policy.maxOutstanding { fail(index, "\(outstanding) responses are kept") }
  }

  private mutating func tell(_ event: StreamEvent, _ actions: [StreamAction], _ index: Int) {
    let cause =
      switch event {
      case .sotw(let request):
        "\(request.type.shortName) \(request.nonce) \(request.error?.message ?? "") \(request.names)"
      case .delta(let request):
        "\(request.type.shortName) \(request.nonce) \(request.error?.message ?? "") "
          + "+\(request.subscribe) -\(request.unsubscribe) has \(request.initialVersions.keys.sorted())"
      case .push(_, let scope, _, let generation): "push \(generation) \(scope)"
      case .audit, .deadline, .question: "\(event)".prefix(40).description
      }
    history.append("\(now) client \(index) < \(cause)")
    for case .send(let response) in actions {
      let names = response.resources.map(\.name)
      history.append(
        "\(now) client \(index) > \(response.type.shortName) \(response.nonce) \(names) "
          + "-\(response.removed)")
    }
  }

  private mutating func fail(_ index: Int, _ what: String) {
    let client = sessions[index].client
    failures.append("at \(now) client \(index) (\(client.face), \(client.character)): \(what)")
  }

  // MARK: What must hold

  /// A stream that says that the newest generation is applied has a client that has it.
  private mutating func checkTruth(_ index: Int) {
    let session = sessions[index]
    guard session.isQuiet, session.isOpen, session.client.character == .honest,
      let newest = mesh.store.snapshot, session.machine.applied == newest.generation
    else { return }
    compare(index, with: newest, whole: false)
  }

  private mutating func compare(_ index: Int, with snapshot: MeshSnapshot, whole: Bool) {
    let client = sessions[index].client
    let truth = view(index, snapshot)
    for type in SimulatedEnvoy.types where !client.refusedSets.contains(type) {
      let held = client.held[type] ?? [:]
      let wanted =
        client.isWildcard(type)
        ? truth.all(type)
        : client.wanted[type, default: []].sorted().compactMap { truth.named(type, $0) }
      for resource in wanted where held[resource.name] != resource {
        if client.refused[ResourceKey(type, resource.name)] == resource { continue }
        fail(index, "\(type.shortName) \(resource.name) is not what it should be")
      }
      // Who refuses, or never says what it has given up, is left what it may still use.
      guard whole, ![.refusing, .silent].contains(client.character) else { continue }
      for name in Set(held.keys).subtracting(wanted.map(\.name)).sorted()
      where client.isWildcard(type) || client.face == .delta {
        fail(index, "\(type.shortName) \(name) should be gone")
      }
    }
  }

  /// Lets all agree, and compares what the clients have with the newest snapshot.
  private mutating func settle() {
    guard failures.isEmpty else { return }
    isSettling = true
    defer { isSettling = false }
    var quiet = 0
    for _ in 0..<1000 where quiet < 4 {
      for index in sessions.indices { exchange(index) }
      guard sessions.allSatisfy({ $0.isQuiet && $0.inbox.isEmpty }) else {
        quiet = 0
        continue
      }
      quiet += 1
      pass(.seconds(20))
      for index in sessions.indices { sessions[index].client.endWarming() }
    }
    guard quiet == 4, let newest = mesh.store.snapshot else {
      failures.append("at \(now) no agreement is reached")
      return
    }
    counts.quiescences += 1
    for index in sessions.indices {
      compare(index, with: newest, whole: true)
      handle(.audit(translator.view(newest, sessions[index].node)), .deadline, index)
      let applied = sessions[index].machine.applied
      guard sessions[index].client.character == .honest, applied != newest.generation else {
        continue
      }
      fail(index, "generation \(applied) is said to be applied, not \(newest.generation)")
    }
  }

  private mutating func exchange(_ index: Int) {
    for _ in 0..<40 {
      deliver(index)
      serve(index)
      read(index)
    }
  }
}
