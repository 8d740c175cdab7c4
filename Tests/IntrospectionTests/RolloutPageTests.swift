// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI
import HTTPServer
import JSON
import Testing

@testable import Introspection

/// `/debug/rollout`: who has the newest version of an object.
@Suite struct RolloutPageTests {
  private let rule: JSONValue = [
    "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
    "metadata": ["name": "reviews", "namespace": "default"],
    "spec": [
      "hosts": ["reviews"], "http": [["route": [["destination": ["host": "reviews"]]]]],
    ],
  ]

  @Test func `applied, refused and waiting are told apart`() async throws {
    let refusal = TypeStatus.Failure(
      nonce: "n", detail: NackDetail(message: "no such thing"), at: .zero, names: ["80"],
      generation: 1)
    let older = TypeStatus.Failure(
      nonce: "n", detail: NackDetail(message: "long ago"), at: .zero, names: ["x"], generation: 0)
    let mesh = SampleMesh(
      objects: [rule],
      connections: [
        connection("a", "default", [status(.route, .synced)]),
        connection("b", "default", [status(.route, .error, error: refusal)]),
        connection("c", "default", [status(.route, .stale)], applied: 0),
        connection("d", "default", [status(.route, .error, error: older)]),
        connection("e", "default", []),
      ])
    let page = try await mesh.json("/debug/rollout?kind=virtualservice&name=reviews")
    #expect(
      page["summary"] == "generation 1: applied on 2 of 4 proxies, refused by 1, waiting for 1")
    #expect(page["refused"]?.array?.first?["message"] == "no such thing")
    #expect(page["refused"]?.array?.first?["resources"] == ["80"])
    #expect(page["waiting"]?.array?.count == 1)
  }

  @Test(arguments: [
    ("", 400), ("?kind=VirtualService", 400), ("?kind=Nothing&name=reviews", 404),
    ("?kind=VirtualService&name=other", 404),
    ("?kind=VirtualService&name=reviews&namespace=other", 404),
  ])
  func `what is not there is said`(query: String, code: Int) async throws {
    let response = try await SampleMesh(objects: [rule]).get("/debug/rollout" + query)
    #expect(response.status == code)
  }
}
