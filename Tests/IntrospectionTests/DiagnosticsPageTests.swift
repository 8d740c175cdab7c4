// SPDX-License-Identifier: Apache-2.0

import Analysis
import Configuration
import HTTPServer
import JSON
import MeshModel
import Testing

@testable import Introspection

/// What is to be said of the configuration.
@Suite struct DiagnosticsPageTests {
  private var mesh: SampleMesh {
    SampleMesh(
      objects: [
        [
          "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
          "metadata": ["name": "web", "namespace": "shop"],
          "spec": [
            "hosts": ["web"], "http": [["route": [["destination": ["host": "nowhere"]]]]],
          ],
        ]
      ],
      problems: [
        StoredDiagnostic(.warning, key: nil, origin: ObjectOrigin(file: "b.yaml"), message: "odd")
      ])
  }

  @Test func `the worst comes first, with code, object, field and place`() async throws {
    let rows = try #require(try await mesh.json("/debug/diagnostics").array)
    #expect(rows.map { $0["level"] } == ["Error", "Warning"])
    let first: JSONValue = [
      "object": [
        "kind": "VirtualService", "namespace": "shop", "name": "web", "generation": 1,
      ],
      "level": "Error", "code": "IST0101", "name": "ReferencedResourceNotFound",
      "file": "a.yaml", "line": 1, "field": "spec.http[0].route[0].destination.host",
      "message": "Referenced host not found: \"nowhere\"",
    ]
    #expect(rows.first == first)
  }

  @Test func `levels and namespaces select`() async throws {
    let ask = { (query: String) in
      try await mesh.json("/debug/diagnostics?" + query).array?.count
    }
    #expect(try await ask("level=error") == 1)
    #expect(try await ask("namespace=shop") == 1)
    #expect(try await ask("namespace=other") == 0)
    #expect(try await mesh.get("/debug/diagnostics?level=bad").status == 400)
  }

  @Test func `configz has them beside their object`() async throws {
    let rows = try #require(try await mesh.json("/debug/configz").array)
    #expect(rows.first?["diagnostics"]?.array?.first?["code"] == "IST0101")
  }
}
