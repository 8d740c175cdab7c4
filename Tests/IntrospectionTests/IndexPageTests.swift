// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import EnvoyAPI
import HTTPServer
import Testing

@testable import DiscoveryProtocol
@testable import Introspection

/// The page for people.
@Suite struct IndexPageTests {
  private var mesh: SampleMesh {
    let failure = TypeStatus.Failure(
      nonce: "n", detail: NackDetail(message: "no"), at: .zero, names: [])
    return SampleMesh(
      problems: [
        StoredDiagnostic(
          .rejected, key: nil, origin: ObjectOrigin(file: "bad.yaml", line: 3), field: "spec.x",
          message: "<script>alert(1)</script>")
      ],
      connections: [
        connection("good", "default", [status(.cluster, .synced, sent: "1", acked: "1")]),
        connection("slow", "default", [status(.cluster, .warming, sent: "1")]),
        connection(
          "bad", "default",
          [
            status(.cluster, .synced, sent: "1", acked: "1"),
            status(.listener, .error, sent: "2", error: failure),
          ]),
        connection("a&b", "default", [status(.route, .notSent)]),
      ], missing: ["nothing was read yet"])
  }

  @Test func `the index shows state and every page`() async throws {
    for path in ["/debug", "/debug/"] {
      let response = try await mesh.get(path)
      #expect(response.status == 200)
      #expect(response.headers["Content-Type"] == "text/html; charset=utf-8")
      for page in DebugPage.all {
        #expect(response.text.contains("href=\"\(page.path)?pretty\""))
        let description: HTML = "\(page.description)"
        #expect(response.text.contains(description.markup))
      }
    }
    let text = try await mesh.get("/debug").text
    #expect(text.contains("<dt>Proxies</dt><dd class=\"\">4</dd>"))
    #expect(text.contains("<dt>synced</dt><dd class=\"good\">1</dd>"))
    #expect(text.contains("<dt>stale</dt><dd class=\"wait\">2</dd>"))
    #expect(text.contains("<dt>error</dt><dd class=\"bad\">1</dd>"))
    #expect(text.contains("nothing was read yet"))
    #expect(text.contains("bad.yaml:3"))
    #expect(text.contains("cds SYNCED, lds ERROR"))
  }

  @Test func `text is escaped`() async throws {
    let text = try await mesh.get("/debug").text
    #expect(!text.contains("<script>"))
    #expect(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
    #expect(text.contains("a&amp;b.default</a>"))
    #expect(text.contains("proxyID=sidecar~10.0.0.1~a%26b.default~"))
  }

  @Test func `callers from elsewhere see neither names nor configuration`() async throws {
    let text = try await mesh.get("/debug", from: "192.0.2.1").text
    #expect(text.contains("<dt>Proxies</dt><dd class=\"\">4</dd>"))
    #expect(!text.contains("good.default"))
    #expect(!text.contains("bad.yaml"))
    #expect(text.contains("Only for callers on this machine."))
    #expect(text.contains("For callers of the system&#39;s namespace."))
  }
}
