// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import DiscoveryServer
import EnvoyAPI
import GRPC
import MeshModel
import Metrics
import Testing

/// ADS, in process.
struct DiscoveryServerTests {
  @Test("A stream that opens before the first snapshot is answered when it comes")
  func waitsForSnapshot() async throws {
    let fixture = try ADSFixture()
    try await fixture.serving {
      let call = fixture.open()
      try await call.write(ADSFixture.clusters())
      fixture.push(1)
      var responses = call.responses.makeAsyncIterator()
      let answer = try #require(ADSAnswer(try await responses.next()))
      #expect(answer.count == 1)
      #expect(answer.controlPlane == "test")
      call.cancel()
    }
  }

  @Test(
    "Each push brings what differs, by either protocol",
    arguments: [StreamMachine.Face.sotw, .delta])
  func pushes(face: StreamMachine.Face) async throws {
    let fixture = try ADSFixture()
    try await fixture.serving {
      fixture.push(1)
      let call = fixture.open(face)
      try await call.write(
        face == .sotw ? ADSFixture.clusters() : ADSFixture.deltaClusters())
      var responses = call.responses.makeAsyncIterator()
      let first = try #require(ADSAnswer(try await responses.next(), face))
      fixture.push(2)
      let second = try #require(ADSAnswer(try await responses.next(), face))
      #expect(first.nonce != second.nonce)
      #expect(first.version != second.version)
      #expect(fixture.server.pushes.map(\.generation) == [1, 2])
      call.cancel()
    }
  }

  @Test("A refusal is remembered and counted, and the stream goes on")
  func refusal() async throws {
    let fixture = try ADSFixture()
    try await fixture.serving {
      fixture.push(1)
      let call = fixture.open()
      try await call.write(ADSFixture.clusters())
      var responses = call.responses.makeAsyncIterator()
      let first = try #require(ADSAnswer(try await responses.next()))
      try await call.write(ADSFixture.clusters(node: nil, nonce: first.nonce, error: "no good"))
      fixture.push(2)
      _ = try #require(ADSAnswer(try await responses.next()))
      // A third request is answered after the refusal was taken.
      let refusal = try #require(fixture.server.refusals.first)
      #expect(refusal.message == "no good")
      #expect(refusal.type == "cds")
      #expect(refusal.nonce == first.nonce)
      #expect(refusal.origins == ["generation-1": ["the object of generation-1"]])
      #expect(fixture.registry.exposition().contains("pilot_total_xds_rejects{type=\"cds\"} 1"))
      #expect(
        fixture.registry.exposition().contains(
          "pilot_xds_cds_reject{node=\"web-1.default\",err=\"Internal\"} 1"))
      call.cancel()
    }
  }

  @Test("A stream is listed while it is open")
  func connections() async throws {
    let fixture = try ADSFixture()
    try await fixture.serving {
      fixture.push(1)
      let call = fixture.open()
      try await call.write(ADSFixture.clusters())
      var responses = call.responses.makeAsyncIterator()
      _ = try await responses.next()
      let status = try #require(fixture.server.connections().first)
      #expect(status.id == "web-1.default-1")
      #expect(status.node.shortID == "web-1.default")
      #expect(status.types.map(\.type) == [.cluster])
      #expect(status.types.first?.resources.map(\.name) == ["generation-1"])
      #expect(status.connectedAt == 1000)
      try await call.finishWriting()
      #expect(await call.status.isOK)
    }
    #expect(fixture.server.connectionCount == 0)
  }

  @Test(
    "A node that is none is refused with what is wrong",
    arguments: ["", "envoy", "sidecar~x", "pod~10.0.0.1~a.b~c"])
  func badNode(id: String) async throws {
    let fixture = try ADSFixture()
    try await fixture.serving {
      let call = fixture.open()
      try await call.write(ADSFixture.clusters(node: id))
      let status = await Self.end(of: call)
      #expect(status.code == .invalidArgument)
      #expect(status.message.contains("node"))
    }
  }

  @Test(
    "Proxies of the ambient mesh are told that they are not served",
    arguments: ["waypoint", "ztunnel"])
  func ambient(kind: String) async throws {
    let fixture = try ADSFixture()
    try await fixture.serving {
      let call = fixture.open()
      try await call.write(
        ADSFixture.clusters(node: kind + "~10.0.0.1~w-1.default~default.svc.cluster.local"))
      let status = await Self.end(of: call)
      #expect(status.code == .unimplemented)
      #expect(status.message.contains("\(kind)~10.0.0.1~w-1.default"))
    }
  }

  @Test("Bytes that are no request are refused")
  func garbage() async throws {
    let fixture = try ADSFixture()
    try await fixture.serving {
      let call = fixture.open()
      try await call.write(GRPCMessage([0xff, 0xff]))
      #expect(await Self.end(of: call).code == .invalidArgument)
    }
  }

  @Test("Streams end with UNAVAILABLE on shutdown, those that come later too")
  func shutdown() async throws {
    let fixture = try ADSFixture()
    try await fixture.serving {
      fixture.push(1)
      let call = fixture.open()
      try await call.write(ADSFixture.clusters())
      var responses = call.responses.makeAsyncIterator()
      _ = try await responses.next()
      fixture.server.shutDown()
      #expect(await Self.end(of: call).code == .unavailable)
      let late = fixture.open()
      try await late.write(ADSFixture.clusters())
      #expect(await Self.end(of: late).code == .unavailable)
    }
  }

  @Test("A stream whose client says nothing is ended, counted and told of")
  func neverAsks() async throws {
    let fixture = try ADSFixture { $0.firstRequestTimeout = .milliseconds(20) }
    try await fixture.serving {
      fixture.push(1)
      let call = fixture.open()
      let status = await Self.end(of: call)
      #expect(status.code == .deadlineExceeded && status.message.contains("has not sent a request"))
      let name = "navarch_xds_limits_exceeded_total{limit=\"first_request\"} 1"
      #expect(fixture.registry.exposition().contains(name))
    }
  }

  @Test("Questions of tools are counted as requests are")
  func questions() async throws {
    let fixture = try ADSFixture { $0.limits.requestRate = 0 }
    try await fixture.serving {
      fixture.push(1)
      let call = fixture.open()
      var responses = call.responses.makeAsyncIterator()
      for _ in 0..<100 {
        try await call.write(ADSFixture.question())
        #expect(ADSAnswer(try await responses.next())?.count == 0)
      }
      try await call.write(ADSFixture.question())
      let status = await Self.end(of: call)
      #expect(status.code == .resourceExhausted && status.message.contains("requests a second"))
      let name = "navarch_xds_limits_exceeded_total{limit=\"request_rate\"} 1"
      #expect(fixture.registry.exposition().contains(name))
    }
  }

  /// The status that a call ends with.
  private static func end(of call: GRPCClientStream) async -> GRPCStatus {
    do throws(GRPCStatus) {
      for try await _ in call.responses {}
    } catch {
      return error
    }
    return await call.status
  }
}
