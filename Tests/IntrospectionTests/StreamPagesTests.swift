// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import HTTPServer
import JSON
import Testing

@testable import DiscoveryProtocol
@testable import DiscoveryServer
@testable import Introspection

/// The pages about streams, member by member as Kiali and istioctl read them.
@Suite struct StreamPagesTests {
  private let mesh = SampleMesh(connections: [
    connection(
      "b", "other",
      [
        status(.cluster, .synced, sent: "c2", acked: "c2"),
        status(.endpoint, .stale, sent: "e2", acked: "e1", wildcard: false),
        status(
          .listener, .error, sent: "l1",
          error: TypeStatus.Failure(
            nonce: "l1", detail: NackDetail(message: "no such filter"), at: .seconds(2),
            names: ["x"])),
      ], metadata: ["NAME": "b"]),
    connection(
      "a", "default",
      [
        status(
          .route, .synced, sent: "r1", acked: "r1", wildcard: false,
          held: [TypeStatus.Held(name: "80", sent: "v", acked: "v")])
      ]),
  ])

  @Test func `syncz has istiod's members and leaves out empty ones`() async throws {
    let rows = try #require(try await mesh.json("/debug/syncz").array)
    #expect(rows.map { $0["proxy"]?.string } == ["a.default", "b.other"])
    let expected: JSONValue = [
      "cluster_id": "Kubernetes", "proxy": "b.other",
      "proxy_type": "sidecar", "istio_version": "1.30.3", "cluster_sent": "c2",
      "cluster_acked": "c2", "listener_sent": "l1", "endpoint_sent": "e2", "endpoint_acked": "e1",
    ]
    var row = try #require(rows[1].object)
    let resources = try #require(row["resources"])
    row["resources"] = nil
    #expect(JSONValue.object(row) == expected)
    #expect(
      resources["type.googleapis.com/envoy.config.listener.v3.Listener"]
        == [
          "sent": "l1", "sentTime": "2026-01-01T00:00:01.500Z", "lastError": "no such filter",
          "status": "ERROR",
        ])
  }

  @Test func `syncz is for one namespace if asked`() async throws {
    #expect(try await mesh.json("/debug/syncz?namespace=other").array?.count == 1)
    #expect(try await mesh.json("/debug/syncz?namespace=none") == [])
  }

  @Test func `connections have name, age and address`() async throws {
    let page = try await mesh.json("/debug/connections")
    #expect(page["totalClients"] == 2)
    let first: JSONValue = [
      "connectionId": "sidecar~10.0.0.1~a.default~default.svc.cluster.local-1",
      "connectedAt": "2026-01-01T00:00:00Z", "address": "10.0.0.1:40000",
    ]
    #expect(page["clients"]?.array?.first == first)
  }

  @Test func `adsz has metadata and watches`() async throws {
    let clients = try #require(try await mesh.json("/debug/adsz")["clients"]?.array)
    #expect(
      clients[0]["watches"]
        == ["type.googleapis.com/envoy.config.route.v3.RouteConfiguration": ["80"]])
    #expect(clients[1]["metadata"]?["NAME"] == "b")
    #expect(clients[1]["labels"] == ["app": "b"])
    let one = try await mesh.json("/debug/adsz?proxyID=b.other")
    #expect(one["totalClients"] == 1)
    #expect(try await mesh.get("/debug/adsz?proxyID=c.other").status == 404)
  }

  @Test func `pushes and refusals are shown, the newest first`() async throws {
    var mesh = SampleMesh()
    mesh.pushes = [1, 2].map { generation in
      PushRecord(
        generation: generation, at: 1_767_225_600, scope: .endpoints(["a", "b"]), changes: 3,
        waited: .milliseconds(250), connections: 4)
    }
    mesh.refusals = [
      NackRecord(
        connection: "c-1", node: "c", type: "lds", nonce: "n", version: "v", code: 13,
        message: "no", names: ["x"], at: 1_767_225_600)
    ]
    let pushes = try await mesh.json("/debug/pushes").array
    #expect(pushes?.map { $0["generation"] } == [2, 1])
    let push = pushes?.first
    #expect(push?["endpoints"] == ["a", "b"])
    #expect(push?["full"] == false)
    #expect(push?["waitedMilliseconds"] == 250.0)
    let refusal = try await mesh.json("/debug/nacks").array?.first
    #expect(refusal?["message"] == "no")
    #expect(refusal?["time"] == "2026-01-01T00:00:00Z")
  }
}
