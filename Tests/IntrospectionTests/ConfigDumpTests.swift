// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import JSON
import HTTPServer
import Testing

@testable import DiscoveryProtocol
@testable import Introspection

/// The dump of what a proxy is served.
@Suite struct ConfigDumpTests {
  private let mesh: SampleMesh

  init() throws {
    var view = SampleView()
    try view.add(.cluster, "one", Envoy.Cluster.self, ["name": "one", "type": "EDS"])
    try view.add(.cluster, "two", Envoy.Cluster.self, ["name": "two", "type": "EDS"])
    try view.add(
      .endpoint, "one", Envoy.ClusterLoadAssignment.self, ["cluster_name": "one"])
    try view.add(.listener, "80", Envoy.Listener.self, ["name": "80"])
    try view.add(.route, "80", Envoy.RouteConfiguration.self, ["name": "80"])
    try view.add(.route, "named", Envoy.RouteConfiguration.self, ["name": "named"])
    try view.add(
      .secret, "default", Envoy.Secret.self,
      [
        "name": "default",
        "tls_certificate": [
          "certificate_chain": ["inline_string": "-----BEGIN CERTIFICATE-----"],
          "private_key": ["inline_string": "-----BEGIN PRIVATE KEY-----"],
        ],
      ])
    let one = try #require(view.named(.cluster, "one"))
    let failure = TypeStatus.Failure(
      nonce: "c1", detail: NackDetail(message: "no"), at: .zero, names: ["two"])
    let clusters = status(
      .cluster, .error, sent: "c1", error: failure,
      held: [
        TypeStatus.Held(name: "one", sent: one.version, acked: one.version),
        TypeStatus.Held(name: "two", sent: "x", acked: nil),
      ])
    let named = ["named", "gone"].map { TypeStatus.Held(name: $0, sent: "x", acked: nil) }
    let secrets = [TypeStatus.Held(name: "default", sent: "x", acked: nil)]
    mesh = SampleMesh(
      connections: [
        connection(
          "a", "default",
          [
            clusters, status(.route, .stale, sent: "r1", wildcard: false, held: named),
            status(.secret, .stale, sent: "s1", wildcard: false, held: secrets),
          ])
      ], view: view)
  }

  private func section(_ name: String) async throws -> JSONValue {
    let configs = try await mesh.json("/debug/config_dump?proxyID=a.default")["configs"]?.array
    let type = JSONValue.string("type.googleapis.com/envoy.admin.v3." + name)
    return try #require(configs?.first { $0["@type"] == type })
  }

  @Test func `clusters have version and status`() async throws {
    let rows = try await section("ClustersConfigDump")["dynamic_active_clusters"]?.array ?? []
    #expect(rows.map { $0["cluster"]?["name"] } == ["one", "two"])
    #expect(rows.map { $0["client_status"] } == ["ACKED", "NACKED"])
    let one = try #require(mesh.view.named(.cluster, "one"))
    #expect(rows[0]["version_info"] == .string(one.version))
    #expect(
      rows[0]["cluster"]?["@type"] == "type.googleapis.com/envoy.config.cluster.v3.Cluster")
  }

  @Test func `endpoints and routes are those that others refer to or that are asked for`()
    async throws
  {
    let endpoints = try await section("EndpointsConfigDump")["dynamic_endpoint_configs"]?.array
    #expect(endpoints?.map { $0["endpoint_config"]?["cluster_name"] } == ["one"])
    let routes = try await section("RoutesConfigDump")["dynamic_route_configs"]?.array
    #expect(routes?.map { $0["route_config"]?["name"] } == ["80", "named"])
    let listeners = try await section("ListenersConfigDump")["dynamic_listeners"]?.array
    #expect(listeners?.map { $0["active_state"]?["listener"]?["name"] } == ["80"])
  }

  @Test func `the dump is one of Envoy's`() async throws {
    let dump = try await mesh.json("/debug/config_dump?proxyID=a.default")
    let again = try Arena.scope { arena in try Envoy.ConfigDump(json: dump, in: arena).json }
    let sorted = JSONFormat(indent: nil, keyOrder: .sorted)
    #expect(again.text(sorted) == dump.text(sorted))
    #expect(dump["configs"]?.array?.count == 8)
  }

  @Test func `only the types asked for`() async throws {
    let path = "/debug/config_dump?proxyID=a.default&types="
    let dump = try await mesh.json(path + "lds,eds")["configs"]?.array
    #expect(dump?.compactMap { $0["name"] ?? $0["cluster_name"] } == ["80", "one"])
    #expect(try await mesh.get(path + "xds").status == 400)
    let endpoints = try await mesh.json("/debug/edsz?proxyID=a.default")["configs"]?.array
    #expect(endpoints?.map { $0["cluster_name"] } == ["one"])
  }

  @Test func `a secret's key is not shown, its certificate is`() async throws {
    let page = try await mesh.get("/debug/config_dump?proxyID=a.default")
    #expect(!Redaction.holdsKey(page.text))
    let secret = try await section("SecretsConfigDump")["dynamic_active_secrets"]?.array?.first
    let certificate = secret?["secret"]?["tls_certificate"]
    #expect(certificate?["private_key"] == ["inline_string": "[redacted]"])
    #expect(
      certificate?["certificate_chain"] == ["inline_string": "-----BEGIN CERTIFICATE-----"])
  }
}
