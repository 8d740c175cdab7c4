// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI
import MeshModel
import ServiceDiscovery
import Testing

@testable import DiscoveryServer

/// Endpoints have a lane of their own, from the inbox of a stream to its turn.
struct LaneTests {
  private let base = ContinuousClock.now

  private func push(_ generation: UInt64, _ scope: PushScope) -> PendingPush {
    let snapshot = MeshSnapshot(
      generation: generation, settings: Shared(MeshSettings()), config: ConfigTables(),
      registry: ServiceRegistry(ServiceSources(DiscoveryTables(), settings: RegistrySettings())))
    return PendingPush(snapshot: snapshot, scope: scope, origin: base)
  }

  /// The pushes that an inbox gives, each as its generation and scope.
  private func taken(_ inbox: StreamInbox) -> [(UInt64, PushScope)] {
    var inbox = inbox
    var result: [(UInt64, PushScope)] = []
    while case .push(let push) = inbox.take(at: base) {
      result.append((push.snapshot.generation, push.scope))
    }
    return result
  }

  @Test("Endpoints go before configuration that came first, and say that they are ahead of it")
  func endpointsOvertake() {
    var inbox = StreamInbox()
    inbox.put(push(1, .everything))
    inbox.put(push(2, .endpoints(["a"])))
    inbox.put(push(3, .endpoints(["b"], removed: true)))
    let order = taken(inbox)
    #expect(order.map(\.0) == [3, 3], "nobody is given an older snapshot than before")
    #expect(order.map(\.1.configuration) == [false, true])
    #expect(order[0].1.endpoints == ["a", "b"] && order[0].1.removesEndpoints)
    #expect(order[0].1.isAhead)
  }

  @Test("Endpoints that came before configuration are not ahead of it")
  func endpointsFirst() {
    var inbox = StreamInbox()
    inbox.put(push(1, .endpoints(["a"])))
    inbox.put(push(2, .everything))
    let order = taken(inbox)
    #expect(order.map(\.0) == [1, 2])
    #expect(order.map(\.1.isAhead) == [false, false])
  }

  @Test("Endpoints go before requests, requests before configuration, the end before all")
  func order() {
    var inbox = StreamInbox()
    inbox.put(push(1, .everything))
    inbox.put(.delta(DeltaRequest(.cluster)))
    inbox.put(push(2, .endpoints(["a"])))
    var kinds: [String] = []
    for _ in 0..<4 {
      switch inbox.take(at: base) {
      case .request: kinds.append("request")
      case .push(let push): kinds.append(push.scope.configuration ? "configuration" : "endpoints")
      case .end: kinds.append("end")
      case .nothing: kinds.append("nothing")
      }
    }
    #expect(kinds == ["endpoints", "request", "configuration", "nothing"])
    inbox.put(push(3, .everything))
    inbox.end(at: base + .seconds(1))
    if case .end = inbox.take(at: base) { Issue.record("it ends before its time") }
    guard case .end = inbox.take(at: base + .seconds(1)) else {
      Issue.record("it does not end at its time")
      return
    }
  }

  @Test("Who is free works at once; then the most urgent, and of equals who came first")
  func turns() {
    var queue = TurnQueue(places: 2)
    let wishes = [(1, 0), (2, 0), (3, 5), (4, 1), (5, 1), (6, -60), (7, 3)]
    let begun = wishes.filter { queue.ask($0.0, due: .seconds($0.1)) }.map(\.0)
    #expect(begun == [1, 2])
    let order = (0..<7).map { _ in queue.give() }
    #expect(order == [6, 4, 5, 7, 3, nil, nil])
    let isFree = queue.takeFree()
    #expect(isFree, "places are free again")
  }

  @Test("Endpoints make a stream that waits more urgent, and it has one turn all the same")
  func hastened() {
    var queue = TurnQueue(places: 1)
    for stream in 0...50 { _ = queue.ask(stream, due: .seconds(stream)) }
    queue.hasten(40, due: .seconds(-60))
    queue.hasten(99, due: .seconds(-60))
    let order = (0..<51).map { _ in queue.give() }
    #expect(order == [40] + (1...50).filter { $0 != 40 } + [nil])
  }

  @Test("A thousand who begin at once do not hold up those that are nearly done")
  func reconnection() {
    var queue = TurnQueue(places: 1)
    for stream in 0...1000 { _ = queue.ask(stream, due: Turns.Urgency.first.patience) }
    var finished: [Int] = []
    var steps: [Int: Int] = [:]
    var now = Duration.zero
    // Each needs four turns, a millisecond each, and asks for the next one at once.
    while let stream = queue.give() {
      now += .milliseconds(1)
      steps[stream, default: 0] += 1
      let answered = steps[stream] ?? 0
      guard answered < 4 else {
        finished.append(stream)
        continue
      }
      // The place is handed on before the client's next request is there.
      _ = queue.ask(stream, due: now + Turns.Urgency.underWay(answered: answered).patience)
    }
    #expect(finished.count == 1000)
    #expect(finished.prefix(100).allSatisfy { $0 <= 110 }, "who began first is done first")
  }
}
