// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import Testing

@testable import Introspection

/// The pages about services and configuration.
@Suite struct MeshPagesTests {
  private let mesh = SampleMesh(
    objects: [
      [
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
        "metadata": ["name": "api", "namespace": "default"],
        "spec": [
          "hosts": ["api.example.com"], "resolution": "STATIC",
          "ports": [["number": 443, "name": "tls", "protocol": "TLS"]],
          "endpoints": [["address": "192.0.2.7", "labels": ["v": "1"]]],
        ],
      ],
      [
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": [
          "name": "api", "namespace": "default", "labels": ["a": "b"],
          "creationTimestamp": "2026-01-02T03:04:05Z",
        ],
        "spec": [
          "hosts": ["api.example.com"],
          "tcp": [["route": [["destination": ["host": "api.example.com"]]]]],
        ],
      ],
      [
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": ["name": "t", "namespace": "default"], "spec": [:],
      ],
      [
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway",
        "metadata": ["name": "broken", "namespace": "default"], "spec": ["serverz": []],
      ],
    ],
    problems: [
      StoredDiagnostic(
        .rejected, key: nil, origin: ObjectOrigin(file: "bad.yaml", line: 3),
        message: "no YAML here")
    ])

  @Test func `registryz has istiod's members`() async throws {
    let services = try #require(try await mesh.json("/debug/registryz").array)
    let service = try #require(services.first)
    #expect(services.count == 1)
    #expect(service["hostname"] == "api.example.com")
    #expect(service["ports"] == [["name": "tls", "port": 443, "protocol": "TLS"]])
    #expect(service["Attributes"]?["ServiceRegistry"] == "External")
    #expect(service["Attributes"]?["Namespace"] == "default")
    #expect(service["Resolution"] == 0)
    #expect(service["MeshExternal"] == true)
  }

  @Test func `endpointz has shards, and lines if asked`() async throws {
    let page = try await mesh.json("/debug/endpointz")
    let shard = try #require(page["api.example.com"]?["default"]?["Shards"]?.object)
    let endpoint = try #require(shard.members.first?.value.array?.first)
    #expect(endpoint["Addresses"] == ["192.0.2.7"])
    #expect(endpoint["EndpointPort"] == 443)
    #expect(endpoint["HealthStatus"] == 0)
    #expect(try await mesh.json("/debug/endpointShardz") == page)
    let brief = try await mesh.get("/debug/endpointz?brief=true").text
    #expect(brief.hasPrefix("api.example.com:tls 192.0.2.7:443 {"))
    #expect(brief.contains("v=1"))
    #expect(brief.hasSuffix("\n"))
  }

  @Test func `configz has objects as Kubernetes writes them`() async throws {
    let rows = try #require(try await mesh.json("/debug/configz").array)
    let route = try #require(rows.first { $0["kind"] == "VirtualService" })
    #expect(route["apiVersion"] == "networking.istio.io/v1")
    #expect(
      route["metadata"]
        == [
          "name": "api", "namespace": "default", "creationTimestamp": "2026-01-02T03:04:05Z",
          "labels": ["a": "b"],
        ])
    #expect(route["spec"]?["hosts"] == ["api.example.com"])
    #expect(route["diagnostics"] == nil)
    #expect(rows.contains { $0["kind"] == "ServiceEntry" && $0["spec"] != nil })
  }

  @Test func `configz says what is to be said`() async throws {
    let rows = try #require(try await mesh.json("/debug/configz").array)
    let policy = try #require(rows.first { $0["kind"] == "AuthorizationPolicy" })
    #expect(policy["spec"] != nil)
    #expect(policy["diagnostics"]?.array?.first?["effect"] == "accepted, no effect yet")
    let broken = try #require(rows.first { $0["metadata"]?["name"] == "broken" })
    #expect(broken["spec"] == nil)
    let said = try #require(broken["diagnostics"]?.array?.first)
    #expect(said["effect"] == "rejected")
    #expect(said["file"] == "a.yaml")
    #expect(said["line"] == 7)
    #expect(said["field"] == "spec.serverz")
    #expect(said["message"] == "unknown field")
    #expect(said["since"] == "2026-01-01T00:00:00Z")
    let file = try #require(rows.first { $0["metadata"]?["name"] == "bad.yaml" })
    #expect(file["diagnostics"]?.array?.first?["message"] == "no YAML here")
    #expect(rows.count { $0["diagnostics"] != nil } == 3)
  }

  @Test func `mesh is MeshConfig, and resourcesz the kinds`() async throws {
    #expect(try await mesh.json("/debug/mesh")["rootNamespace"] == "istio-system")
    let kinds = try await mesh.json("/debug/resourcesz").array ?? []
    #expect(
      kinds.contains([
        "group": "networking.istio.io", "version": "v1", "kind": "VirtualService",
      ]))
  }
}
