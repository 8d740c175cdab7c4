// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import DiscoveryServer
import Explanation
import HTTPServer
import JSON
import MeshModel
import Testing

@testable import Introspection

/// The page that says where a request goes.
@Suite struct ExplainPageTests {
  private let mesh = SampleMesh(
    objects: [
      [
        "apiVersion": "v1", "kind": "Service", "metadata": ["name": "web", "namespace": "default"],
        "spec": [
          "clusterIP": "10.1.0.1", "clusterIPs": ["10.1.0.1"],
          "ports": [["name": "http", "port": 80]],
        ],
      ],
      [
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": ["name": "web", "namespace": "default"],
        "spec": [
          "hosts": ["web"],
          "http": [
            [
              "match": [["headers": ["end-user": ["exact": "<jason>"]]]],
              "directResponse": ["status": 418],
            ],
            ["route": [["destination": ["host": "web"]]]],
          ],
        ],
      ],
    ], connections: [connection("a"), connection("b")])

  private let page = "/debug/explain?proxyID=a.default"

  @Test func `the way, the objects and what was passed over as JSON`() async throws {
    let answer = try await mesh.json(page + "&url=http://web/x&headers=accept:%20text/html,%20b")
    #expect(answer["outcome"] == "outbound|80||web.default.svc.cluster.local")
    #expect(answer["request"]?["headers"] == ["accept": "text/html, b"])
    let steps = try #require(answer["steps"]?.array)
    #expect(
      steps.map { $0["kind"]?.string } == [
        "listener", "filter chain", "virtual host", "route", "cluster", "endpoints",
      ])
    let object: JSONValue = [
      "kind": "VirtualService", "namespace": "default", "name": "web", "generation": 1,
    ]
    #expect(steps[3]["objects"]?.array == [object])
    let passed = try #require(steps[3]["passedOver"]?.array?.first)
    #expect(
      passed["reason"] == #"header end-user must be exactly "<jason>"; the request has none"#)
    #expect(answer["rules"]?.array?.first?["applies"] == true)
  }

  @Test func `headers and method count`() async throws {
    let answer = try await mesh.json(page + "&url=http://web/&headers=End-User:%3Cjason%3E")
    #expect(answer["outcome"] == "respond 418")
  }

  @Test func `people get a page without scripts, with all text escaped`() async throws {
    let response = try await mesh.get(page + "&url=http://web/&format=html")
    #expect(response.headers["Content-Type"] == "text/html; charset=utf-8")
    #expect(response.headers["Content-Security-Policy"]?.hasPrefix("default-src 'none'") == true)
    #expect(response.text.contains("web.default.svc.cluster.local, port 80"))
    #expect(response.text.contains("&lt;jason&gt;"))
    #expect(!response.text.contains("<jason>"))
    #expect(response.text.contains("generation 1"))
  }

  @Test func `the form comes first, and problems are said beside it`() async throws {
    let form = try await mesh.get("/debug/explain?format=html")
    #expect(form.status == 200)
    #expect(form.text.contains("<option>b.default</option>"))
    let bad = try await mesh.get(page + "&format=html&url=ftp://x")
    #expect(bad.status == 400)
    #expect(bad.text.contains("ftp: expected http, https, tcp or tls"))
    #expect(try await mesh.get("/debug/explain?format=html&url=http://x&proxyID=zz").status == 404)
  }

  @Test(arguments: [
    ("", "You must provide a url"), ("&url=tcp://x", "expected a port"),
    ("&url=http://x&claims=%7B", "claims: expected JSON"),
    ("&url=http://x&headers=nothing", "headers: expected name: value"),
  ])
  func `what cannot be read is said`(query: String, problem: String) async throws {
    let response = try await mesh.get(page + query)
    #expect(response.status == 400)
    #expect(response.text.contains(problem))
  }

  @Test func `only callers on this machine are answered`() async throws {
    #expect(try await mesh.get(page + "&url=http://web/", from: "10.0.0.9").status == 401)
    #expect(try await mesh.get(page + "&url=http://web/", from: "::1").status == 200)
  }

  @Test func `a gRPC client without a proxy is told that it cannot be asked`() async throws {
    var status = connection("g")
    status.node.generator = "grpc"
    let mesh = SampleMesh(connections: [status])
    let answer = try await mesh.get("/debug/explain?proxyID=g.default&url=http://web/")
    #expect(answer.status == 400)
    #expect(answer.text.contains("g.default is a gRPC client without a proxy"))
    #expect(answer.text.contains("/debug/config_dump?proxyID=g.default"))
  }
}
