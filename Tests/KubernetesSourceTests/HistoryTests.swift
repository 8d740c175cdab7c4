// SPDX-License-Identifier: Apache-2.0

import Configuration
import KubernetesClient
import MeshModel
import Testing

@testable import KubernetesSource

/// Random histories of changes and faults; the seed stands in the name of the case that fails.
@Suite("Reflector over random histories")
struct HistoryTests {
  @Test("ends equal to the server, and never says that something is gone which is there")
  func converges() async {
    for seed in UInt64(1)...400 {
      await Task.yield()  // Others have deadlines, and few threads to keep them with.
      var history = History(seed: seed)
      history.run(steps: 400)
      history.heal()
      #expect(history.driver.isSynced, "seed \(seed)")
      #expect(history.driver.told == history.server.content, "seed \(seed)")
      #expect(history.complaints.isEmpty, "seed \(seed): \(history.complaints)")
      if !history.complaints.isEmpty { break }
    }
  }
}

/// Random numbers that are the same for a seed (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// What a server knows: objects, and the events since a version.
struct ModelServer {
  struct Event {
    var version: Int
    var name: String
    var uid: String
    var isDeletion: Bool
  }

  private(set) var version = 10
  private(set) var objects: [String: (uid: String, version: Int)] = [:]
  private(set) var events: [Event] = []
  /// Events up to this version are forgotten.
  private(set) var floor = 0
  private(set) var deleted: Set<String> = []
  private var uids = 0

  /// The objects as listeners are told of them.
  var content: [String: String] { objects.mapValues { "\($0.uid)@\($0.version)" } }

  mutating func write(_ name: String) {
    version += 1
    if objects[name] == nil {
      uids += 1
      objects[name] = ("u\(uids)", version)
    } else {
      objects[name]?.version = version
    }
    let uid = objects[name]?.uid ?? ""
    events.append(Event(version: version, name: name, uid: uid, isDeletion: false))
  }

  mutating func delete(_ name: String) {
    guard let object = objects.removeValue(forKey: name) else { return }
    version += 1
    deleted.insert(object.uid)
    events.append(Event(version: version, name: name, uid: object.uid, isDeletion: true))
  }

  mutating func compact() {
    floor = version
    events = []
  }

  static func frame(_ event: Event) -> WatchEvent {
    event.isDeletion
      ? .deletion(ReadObject.key(event.name), uid: event.uid, resourceVersion: "\(event.version)")
      : .upsert(object(event.name, event.uid, event.version))
  }

  static func object(_ name: String, _ uid: String, _ version: Int) -> ReadObject {
    ReadObject(
      uid: uid, resourceVersion: "\(version)",
      object: SourcedObject(
        key: ReadObject.key(name), object: nil, origin: ObjectOrigin(file: "\(uid)@\(version)")))
  }
}

/// One server, one reflector, and what goes wrong between them.
struct History {
  var driver: Driver
  var server = ModelServer()
  var complaints: [String] = []
  private var random: SeededNumbers
  /// What the request at hand was answered so far.
  private var answered = 0
  private var snapshot: [ReadObject] = []
  private var snapshotVersion = 0
  private var position = 0
  private var isStreaming = false

  init(seed: UInt64) {
    random = SeededNumbers(state: seed)
    driver = Driver(streams: seed % 3 != 0)
    driver.take(.start)
  }

  mutating func run(steps: Int) {
    for _ in 0..<steps {
      switch Int.random(in: 0..<20, using: &random) {
      case 0..<6: server.write(name())
      case 6..<8: server.delete(name())
      case 8: if Bool.random(using: &random) { server.compact() }
      case 9..<15: answer(isFaulty: true)
      case 15: fail()
      case 16: pass(.seconds(Int.random(in: 0..<40, using: &random)))
      case 17: take { $0.take(.serverIsBack) }
      default: take { _ = $0.passToDeadline() }
      }
    }
  }

  /// Lets all go well until nothing is left to be told.
  mutating func heal() {
    for _ in 0..<200 where driver.told != server.content || !driver.isSynced {
      if driver.request == nil {
        take { _ = $0.passToDeadline() }
      } else {
        answer(isFaulty: false)
      }
    }
  }

  private mutating func name() -> String { "o\(Int.random(in: 0..<6, using: &random))" }

  /// Does something to the reflector, and looks at what it says.
  private mutating func take(_ body: (inout Driver) -> Void) {
    let (before, count) = (driver.told, driver.changes.count)
    body(&driver)
    for key in driver.changes[count...].flatMap(\.removals) {
      // Who came and went within one change was never told.
      guard let told = before[key.name], driver.told[key.name] == nil else { continue }
      let uid = told.prefix { $0 != "@" }
      if !server.deleted.contains(String(uid)) {
        complaints.append("\(key.name) of \(uid) is said to be gone")
      }
    }
    if driver.request == nil && driver.machine.deadline == nil {
      complaints.append("nothing is under way, and nothing is waited for")
    }
    if !driver.isSynced && !driver.changes.isEmpty { complaints.append("told before all was") }
  }

  private mutating func pass(_ time: Duration) { take { $0.pass(time) } }

  private mutating func fail() {
    let refusals = [
      APIRefusal(code: 429, retryAfter: .seconds(2)), APIRefusal(code: 500), APIRefusal(code: 503),
      APIRefusal(code: 401), APIRefusal(code: 504, isAhead: true), APIRefusal(code: 400),
      APIRefusal(code: 410, reason: "Expired"), APIRefusal(code: 404),
    ]
    guard driver.request != nil, let refusal = refusals.randomElement(using: &random) else {
      return
    }
    take { refusal.code % 2 == 0 ? $0.refused(refusal) : $0.failed("cut", after: .seconds(1)) }
  }

  private mutating func answer(isFaulty: Bool) {
    guard let request = driver.request else { return }
    if request.number != answered {
      answered = request.number
      guard begin(request) else { return }
    }
    switch request.question {
    case .list: page()
    case .stream where !isStreaming: initial(isFaulty)
    case .stream, .watch: frames(isFaulty)
    }
  }

  /// Begins a request; false where it is refused.
  private mutating func begin(_ request: ReflectorRequest) -> Bool {
    isStreaming = false
    snapshotVersion = server.version
    switch request.question {
    case .list(_, "", _), .stream:
      snapshot = server.objects.sorted { $0.key < $1.key }.map {
        ModelServer.object($0.key, $0.value.uid, $0.value.version)
      }
    case .list(_, let token, _):
      guard let mark = Int(token), mark / 1000 >= server.floor else {
        take { $0.refused(APIRefusal(code: 410, reason: "Expired")) }
        return false
      }
      snapshotVersion = mark / 1000
    case .watch(let version):
      position = Int(version) ?? 0
      guard position >= server.floor else {
        take { $0.refused(APIRefusal(code: 410, reason: "Expired")) }
        return false
      }
      take { $0.take(.opened($0.number)) }
    }
    return true
  }

  private mutating func page() {
    let isLast = snapshot.count <= 2
    let part = Array(snapshot.prefix(2))
    snapshot.removeFirst(part.count)
    let version = snapshotVersion
    take { $0.page(part, "\(version)", continue: isLast ? "" : "\(version * 1000 + 1)") }
  }

  private mutating func initial(_ isFaulty: Bool) {
    if isFaulty, Int.random(in: 0..<6, using: &random) == 0 {
      take { $0.failed("cut", after: .seconds(1)) }
      return
    }
    let part = Array(snapshot.prefix(Int.random(in: 1...4, using: &random)))
    snapshot.removeFirst(part.count)
    var events = part.map(WatchEvent.upsert)
    if snapshot.isEmpty {
      events.append(.bookmark(resourceVersion: "\(snapshotVersion)", endsInitialEvents: true))
      isStreaming = true
      position = snapshotVersion
    }
    take { $0.events(events) }
  }

  private mutating func frames(_ isFaulty: Bool) {
    guard position >= server.floor else {
      take { $0.events([.failure(APIRefusal(code: 410, reason: "Expired"))]) }
      return
    }
    let new = server.events.filter { $0.version > position }
      .prefix(Int.random(in: 1...5, using: &random))
    var events = new.map(ModelServer.frame)
    position = new.last?.version ?? position
    if isFaulty {
      switch Int.random(in: 0..<8, using: &random) {
      case 0: events = events.flatMap { [$0, $0] }
      case 1: events.append(.unreadable("half a frame"))
      case 2: events.append(.failure(APIRefusal(code: 500)))
      case 3: events.append(.bookmark(resourceVersion: "\(position)", endsInitialEvents: false))
      case 4:
        take { $0.events(events) }
        take { $0.closed(after: .seconds(2)) }
        return
      default: break
      }
    }
    take { $0.events(events) }
  }
}
