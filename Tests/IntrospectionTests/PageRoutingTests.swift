// SPDX-License-Identifier: Apache-2.0

import HTTPServer
import JSON
import Testing

@testable import Introspection

/// Which pages there are, and who is answered.
@Suite struct PageRoutingTests {
  private let mesh = SampleMesh()

  @Test(arguments: DebugPage.all.map(\.name))
  func `every page answers without a mesh`(name: String) async throws {
    let response = try await mesh.get("/debug/" + name)
    let needsProxy = ["config_dump", "ecdsz", "edsz", "explain", "ndsz", "rollout"].contains(name)
    #expect(response.status == (needsProxy ? 400 : 200))
    #expect(
      response.headers["Content-Type"]
        == (needsProxy ? "text/plain; charset=utf-8" : "application/json"))
  }

  @Test func `an unknown page lists the known ones`() async throws {
    let response = try await mesh.get("/debug/sync")
    #expect(response.status == 404)
    #expect(response.text.contains("/debug/sync."))
    #expect(response.text.contains("  /debug/syncz\n"))
  }

  @Test func `the list names every page but itself`() async throws {
    let names = try await mesh.json("/debug/list").array?.compactMap(\.string) ?? []
    #expect(names == DebugPage.all.map(\.name).filter { $0 != "list" })
    #expect(names == names.sorted())
  }

  @Test func `pretty is over several lines`() async throws {
    #expect(try await mesh.get("/debug/list").text.split(separator: "\n").count == 1)
    #expect(try await mesh.get("/debug/list?pretty").text.split(separator: "\n").count > 1)
  }

  @Test func `a proxy that is not named or not known is refused with the known ones`() async throws
  {
    let mesh = SampleMesh(connections: [connection("reviews-1"), connection("reviews-2", "b")])
    let unnamed = try await mesh.get("/debug/config_dump")
    #expect(unnamed.status == 400)
    #expect(unnamed.text.contains("You must provide a proxyID"))
    #expect(unnamed.text.contains("  reviews-1.default\n  reviews-2.b\n"))
    let unknown = try await mesh.get("/debug/config_dump?proxyID=ratings")
    #expect(unknown.status == 404)
    #expect(unknown.text.contains("Proxy not connected to this Pilot instance"))
    #expect(unknown.text.contains("reviews-2.b"))
    #expect(try await mesh.get("/debug/config_dump?proxyID=reviews").status == 400)
    #expect(try await mesh.get("/debug/config_dump?proxyID=reviews-2").status == 200)
    #expect(try await mesh.get("/debug/config_dump?proxyID=reviews-1.default").status == 200)
  }
}
