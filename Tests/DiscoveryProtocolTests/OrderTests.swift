// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI
import Testing

/// The order of a push: one test a sentence of the plan.
@Suite struct OrderTests {
  static let faces: [StreamMachine.Face] = [.sotw, .delta]

  /// A proxy in agreement: cluster a used by route r, which listener l uses.
  private func settled(_ face: StreamMachine.Face) -> Script {
    var script = Script(face)
    script.world.cluster("a", "v1")
    script.world[.endpoint, "a"] = "v1"
    script.world[.listener, "l"] = "v1 f:r"
    script.world[.route, "r"] = "v1 c:a"
    script.world[.route, "s"] = "v1 c:a"
    script.push()
    for (type, names) in wanted {
      script.ask(type, names)
      acknowledge(type, &script)
    }
    return script
  }

  private let wanted: [(ResourceType, [String])] = [
    (.cluster, []), (.endpoint, ["a", "b"]), (.listener, []), (.route, ["r", "s"]),
  ]

  @discardableResult private func acknowledge(
    _ type: ResourceType, _ script: inout Script
  ) -> [String] {
    let names = wanted.first { $0.0 == type }?.1 ?? []
    return script.ack(type, script.machine.face == .sotw ? names : [])
  }

  /// Route r moves to the new cluster b; route s and the listener change, too.
  private func moveToNewCluster(_ script: inout Script) -> [String] {
    script.world.cluster("b", "v1")
    script.world[.endpoint, "b"] = "v1"
    script.world[.route, "r"] = "v2 c:b"
    script.world[.route, "s"] = "v2 c:a"
    return script.push()
  }

  @Test func newClustersAndTheirEndpointsGoTogetherAndWhatUsesThemWaits() {
    var delta = settled(.delta)
    #expect(moveToNewCluster(&delta) == ["cds b=v1", "eds b=v1", "rds s=v2"])
    #expect(delta.status(.cluster)?.state == .warming)
    #expect(delta.status(.route)?.heldBack == 1)
    acknowledge(.route, &delta)
    #expect(acknowledge(.cluster, &delta) == ["rds r=v2"])

    var sotw = settled(.sotw)
    #expect(moveToNewCluster(&sotw) == ["cds a=v1,b=v1", "eds b=v1", "rds s=v2"])
    acknowledge(.route, &sotw)
    #expect(acknowledge(.cluster, &sotw) == ["rds r=v2"])
  }

  @Test(arguments: faces) func aListenerThatWaitsKeepsItsOldVersion(_ face: StreamMachine.Face) {
    var script = settled(face)
    script.world.cluster("b", "v1")
    script.world[.listener, "l"] = "v2 c:b"
    script.world[.listener, "m"] = "v1 c:a"
    script.push()
    let sent = script.last(.listener).map(describe)
    #expect(sent == (face == .sotw ? "lds l=v1,m=v1" : "lds m=v1"))
    acknowledge(.listener, &script)
    acknowledge(.cluster, &script)
    #expect(
      script.last(.listener).map(describe) == (face == .sotw ? "lds l=v2,m=v1" : "lds l=v2"))
  }

  @Test(arguments: faces) func aRejectionOfTheClustersEndsTheWait(_ face: StreamMachine.Face) {
    var script = settled(face)
    _ = moveToNewCluster(&script)
    acknowledge(.route, &script)
    #expect(script.nack(.cluster) == ["rds r=v2"])
  }

  @Test(arguments: faces) func theWaitIsBoundedAndCounted(_ face: StreamMachine.Face) {
    var script = settled(face)
    _ = moveToNewCluster(&script)
    acknowledge(.route, &script)
    #expect(script.wait(.milliseconds(1999)) == [])
    #expect(script.wait(.milliseconds(1)) == ["rds r=v2"])
    #expect(script.records.contains(.gateExpired(heldBack: 1)))
  }

  @Test func nothingWaitsForATypeThatIsNotSubscribedTo() {
    var script = Script(.delta)
    script.world.cluster("a", "v1")
    script.world[.route, "r"] = "v1 c:a"
    script.push()
    script.ask(.route, ["r"])
    script.ack(.route)
    script.world.cluster("b", "v1")
    script.world[.route, "r"] = "v2 c:b"
    #expect(script.push() == ["rds r=v2"])
    script.ack(.route)
    script.world.cluster("a", nil)
    #expect(script.push() == [])
  }

  @Test(arguments: faces) func nothingWaitsInTheFirstSynchronisation(_ face: StreamMachine.Face) {
    var script = Script(face)
    script.world.cluster("a", "v1")
    script.world[.listener, "l"] = "v1 c:a"
    script.world[.route, "r"] = "v1 c:a"
    #expect(script.ask(.cluster) + script.ask(.listener) + script.ask(.route, ["r"]) == [])
    #expect(script.push() == ["cds a=v1", "lds l=v1", "rds r=v1"])
  }

  @Test(arguments: faces) func aClusterGoesAfterTheAcknowledgementAndAGrace(
    _ face: StreamMachine.Face
  ) {
    var script = settled(face)
    script.world.cluster("a", nil)
    script.world[.endpoint, "a"] = nil
    script.world[.route, "s"] = nil
    script.world.cluster("b", "v1")
    script.world[.endpoint, "b"] = "v1"
    script.world[.route, "r"] = "v2 c:b"
    let union = ["cds a=v1,b=v1", "eds b=v1"]
    #expect(script.push() == (face == .sotw ? union : ["cds b=v1", "eds b=v1", "rds -s"]))
    // The client has nothing that needs route s any more, and says so.
    for type in [ResourceType.route, .endpoint] { acknowledge(type, &script) }
    script.ack(.route, face == .sotw ? ["r"] : [])
    #expect(acknowledge(.cluster, &script) == ["rds r=v2"])
    #expect(script.wait(.seconds(11)) == [])
    script.ack(.route, face == .sotw ? ["r"] : [])
    #expect(script.wait(.milliseconds(9_999)) == [])
    let reduced = script.wait(.milliseconds(1))
    #expect(reduced == (face == .sotw ? ["cds b=v1"] : ["cds -a", "eds -a"]))
  }

  @Test(arguments: faces) func aRejectedRouteKeepsItsOldCluster(_ face: StreamMachine.Face) {
    var script = settled(face)
    script.world[.route, "r"] = "v2"
    script.world[.route, "s"] = "v2"
    script.world.cluster("a", nil)
    #expect(script.push() == ["rds r=v2,s=v2"])
    script.nack(.route, face == .sotw ? ["r", "s"] : [])
    // Over delta each is tried alone.
    if face == .delta {
      for name in ["r", "s"] {
        #expect(script.responses.last.map(describe) == "rds \(name)=v2")
        script.nack(.route)
      }
    }
    #expect(script.wait(.seconds(600)) == [])
    script.world[.route, "r"] = "v3"
    script.world[.route, "s"] = "v3"
    script.push()
    acknowledge(.route, &script)
    #expect(script.wait(.seconds(10)).first == (face == .sotw ? "cds" : "cds -a"))
  }

  @Test func endpointsThatGoWhileTheirClusterIsAwayGoOnceItIsBack() {
    var script = settled(.delta)
    script.world.cluster("spare", "v1")
    script.push()
    acknowledge(.cluster, &script)
    script.world[.route, "r"] = "v2"
    script.world[.route, "s"] = "v2"
    script.world.cluster("a", nil)
    script.world.cluster("spare", nil)
    #expect(script.push() == ["cds -spare", "rds r=v2,s=v2"], "a is still used")
    script.world.cluster("a", "v1")
    script.world[.endpoint, "a"] = nil
    #expect(script.push() == [], "the clusters wait for an answer")
    #expect(script.ack(.cluster) == ["eds -a"])
  }

  @Test func aClientThatNeverAcknowledgesLosesTheClusterInTheEnd() {
    var script = settled(.delta)
    script.world[.route, "r"] = "v2"
    script.world[.route, "s"] = "v2"
    script.world.cluster("a", nil)
    script.push()
    #expect(script.wait(.seconds(59)) == [])
    #expect(script.wait(.seconds(1)) == ["cds -a"])
  }

  @Test(arguments: faces) func aClusterThatComesBackStays(_ face: StreamMachine.Face) {
    var script = settled(face)
    script.world[.route, "r"] = "v2"
    script.world[.route, "s"] = "v2"
    script.world.cluster("a", nil)
    script.push()
    acknowledge(.route, &script)
    script.world.cluster("a", "v1")
    #expect(script.push() == [])
    #expect(script.wait(.seconds(60)) == [])
  }

  @Test(arguments: faces) func anUnacknowledgedResponseHoldsBackTheNextForATime(
    _ face: StreamMachine.Face
  ) {
    var script = settled(face)
    script.world[.route, "r"] = "v2 c:a"
    #expect(script.push() == ["rds r=v2"])
    script.world[.route, "r"] = "v3 c:a"
    #expect(script.push() == [])
    script.world[.route, "r"] = "v4 c:a"
    #expect(script.push() == [])
    #expect(script.wait(.milliseconds(1000)) == ["rds r=v4"])
    #expect(script.records.last == .flowExpired(.route))
    script.world[.route, "r"] = "v5 c:a"
    #expect(script.push() == [])
    #expect(acknowledge(.route, &script) == ["rds r=v5"])
  }

  @Test(arguments: faces) func clustersGoOnWhileTheProxyWarms(_ face: StreamMachine.Face) {
    var script = settled(face)
    script.world.cluster("b", "v1")
    script.push()
    script.world.cluster("b", "v2")
    #expect(script.push().first == (face == .sotw ? "cds a=v1,b=v2" : "cds b=v2"))
  }

  @Test func removedEndpointsAreNotHeldBackByAMissingAcknowledgement() {
    var script = settled(.delta)
    script.world[.endpoint, "a"] = "v2"
    #expect(script.push(.endpoints(["a"])) == ["eds a=v2"])
    script.world[.endpoint, "a"] = "v3"
    #expect(script.push(.endpoints(["a"])) == [])
    script.world[.endpoint, "a"] = "v4"
    #expect(script.push(.endpoints(["a"], removed: true)) == ["eds a=v4"])
  }

  @Test func lateAcknowledgementsInDeltaCountOneByOne() {
    var script = settled(.delta)
    script.world.cluster("b", "v1")
    script.push()
    let first = script.last(.cluster)?.nonce ?? ""
    script.world.cluster("c", "v1")
    script.push()
    acknowledge(.cluster, &script)
    #expect(script.status(.cluster)?.state == .warming)
    script.ask(.cluster, nonce: first)
    #expect(script.status(.cluster)?.state == .synced)
  }

  @Test func anEndpointPushWithNewerConfigurationDoesNotOvertakeClusters() {
    var script = settled(.delta)
    script.world.cluster("b", "v1")
    script.world[.route, "t"] = "v1 c:b"
    script.push(.endpoints(["a"]))
    #expect(script.ask(.route, ["t"]) == ["cds b=v1"])
    #expect(acknowledge(.cluster, &script) == ["rds t=v1"])
  }

  @Test func whatIsSentAgainAfterARefusalIsNoComparisonOfAllClusters() {
    var script = Script(.delta)
    for name in ["a", "b", "d", "e"] { script.world.cluster(name, "v1") }
    script.push()
    script.ask(.cluster)
    #expect(script.nack(.cluster) == ["cds a=v1,b=v1"])
    script.world.cluster("c", "v1")
    script.world[.route, "t"] = "v1 c:c"
    #expect(script.push(.endpoints(["a"])) == ["cds d=v1,e=v1"])
    #expect(script.ask(.route, ["t"]) == ["cds c=v1", "rds t=v1"])
  }

  @Test func theEndpointsOfANewClusterAreSentOnceTheClientAsksForThem() {
    var script = settled(.delta)
    script.ask(.endpoint, unsubscribe: ["b"])
    script.world.cluster("b", "v1")
    script.world[.endpoint, "b"] = "v1"
    #expect(script.push() == ["cds b=v1"])
    #expect(script.ask(.endpoint, ["b"]) == ["eds b=v1"])
    script.ack(.endpoint)
    #expect(acknowledge(.cluster, &script) == [])
  }

  @Test func anAcknowledgementReportsWhenTheChangeHappened() {
    var script = settled(.delta)
    script.wait(.seconds(1))
    script.world[.route, "r"] = "v2 c:a"
    _ = script.handle(
      .push(script.world.view(), scope: .everything, origin: .milliseconds(900)))
    script.wait(.milliseconds(50))
    acknowledge(.route, &script)
    guard case .acked(let answer)? = script.records.last else {
      Issue.record("no acknowledgement was recorded")
      return
    }
    #expect(answer.origin == .milliseconds(900) && answer.sentAt == .seconds(1))
    #expect(answer.answeredAt == .milliseconds(1050) && answer.changes == 1)
  }

  @Test func configurationThatEndpointsOvertookIsComparedAndCountsWhenItIsTold() {
    var script = settled(.delta)
    script.push(generation: 1)
    script.world[.endpoint, "a"] = "v2"
    script.world[.route, "r"] = "v2 c:a"
    var ahead = PushScope.endpoints(["a"])
    ahead.isAhead = true
    #expect(script.push(ahead, generation: 2) == ["eds a=v2"])
    script.ack(.endpoint)
    #expect(script.machine.applied == 1, "the route of generation 2 is not told yet")
    #expect(script.handle(.audit(script.world.view())) == [], "that is no fault")
    #expect(script.push(generation: 2) == ["rds r=v2"])
    script.ack(.route)
    #expect(script.machine.applied == 2)
  }
}
