// SPDX-License-Identifier: Apache-2.0

import HTTPServer
import JSON
import Testing

@testable import Introspection

/// Who is answered by which page: every audience by every kind of caller.
@Suite struct DebugAccessTests {
  /// Callers by the token that they show; the token names the namespace.
  private func get(
    _ target: String, as token: String? = nil, from address: String = "10.0.0.9",
    _ change: (inout DebugAccess) -> Void = { _ in }
  ) async throws -> HTTPResponse {
    let mesh = SampleMesh(connections: [connection("own", "shop"), connection("other", "bank")])
    var access = DebugAccess(systemNamespace: { "istio-system" }) { request in
      request.headers["authorization"].map { [$0] }
    }
    change(&access)
    var router = HTTPRouter()
    DebugPages(mesh.sources, access: access).register(on: &router)
    var request = try #require(
      HTTPRequest(.get, "/debug/" + target, peer: HTTPPeer(address: address, port: 1)))
    if let token { request.headers["Authorization"] = token }
    return await router.respond(to: request)
  }

  @Test(arguments: DebugPage.all.map(\.name))
  func `strangers are refused by every page`(name: String) async throws {
    let refusal = try await get(name)
    #expect(refusal.status == (name == "logging" ? 403 : 401))
    #expect(!refusal.text.contains("own") && !refusal.text.contains("other"))
    #expect(try await get(name, as: "").status == (name == "logging" ? 403 : 401))
  }

  @Test(arguments: DebugPage.all.map(\.name))
  func `callers of the system's namespace and of this machine are answered`(
    name: String
  ) async throws {
    let isClosed = name == "logging"
    let system = try await get(name, as: "istio-system").status
    #expect(isClosed ? system == 403 : ![401, 403].contains(system))
    for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
      #expect(try await ![401, 403].contains(get(name, from: address).status))
    }
  }

  @Test(arguments: DebugPage.all.map(\.name))
  func `other namespaces see what their own proxies are served`(name: String) async throws {
    let isOpen = ["config_dump", "edsz", "ndsz"].contains(name)
    let own = try await get(name + "?proxyID=own.shop", as: "shop")
    #expect(own.status == (isOpen ? 200 : 403))
    for asked in ["other.bank", "oth", "bank", "nobody"] {
      let refused = try await get(name + "?proxyID=" + asked, as: "shop")
      #expect(refused.status == (isOpen ? 404 : 403))
      #expect(!refused.text.contains("other.bank,") && !refused.text.contains("  other.bank"))
    }
    let unnamed = try await get(name, as: "shop")
    #expect(unnamed.status == (isOpen ? 400 : 403) && !unnamed.text.contains("other"))
  }

  @Test func `allowed namespaces see all pages, but of proxies their own`() async throws {
    let allow = { (access: inout DebugAccess) in access.allowedNamespaces = ["shop"] }
    #expect(try await get("syncz", as: "shop", allow).text.contains("other.bank"))
    #expect(try await get("configz", as: "shop", allow).status == 200)
    #expect(try await get("configz", as: "bank", allow).status == 403)
    #expect(try await get("adsz?proxyID=own.shop", as: "shop", allow).status == 200)
    #expect(try await get("adsz?proxyID=other.bank", as: "shop", allow).status == 404)
    #expect(try await get("config_dump?proxyID=other.bank", as: "shop", allow).status == 404)
    #expect(try await get("logging", as: "shop", allow).status == 403)
  }

  @Test func `without rules of namespaces every proved caller sees all`() async throws {
    let open = { (access: inout DebugAccess) in access.isByNamespace = false }
    #expect(try await get("configz", as: "shop", open).status == 200)
    #expect(try await get("config_dump?proxyID=other.bank", as: "shop", open).status == 200)
    #expect(try await get("configz", nil, open).status == 401)
  }

  private func get(
    _ target: String, _ token: String?, _ change: (inout DebugAccess) -> Void
  ) async throws -> HTTPResponse {
    try await get(target, as: token, from: "10.0.0.9", change)
  }

  private func get(
    _ target: String, as token: String?, _ change: (inout DebugAccess) -> Void
  ) async throws -> HTTPResponse {
    try await get(target, as: token, from: "10.0.0.9", change)
  }
}
