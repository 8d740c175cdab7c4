// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import ServiceDiscovery
import Testing

/// Which namespace counts of a host that several have.
struct ScopeFeatureTests {
  private static func entry(_ namespace: String, day: Int) -> String {
    """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata:
      {name: shop, namespace: \(namespace), creationTimestamp: "2026-01-0\(day)T00:00:00Z"}
    spec:
      hosts: [shop.\(namespace == "first" ? "zoo" : namespace).svc.cluster.local]
      resolution: STATIC
      ports: [{number: 80, name: http, protocol: HTTP}]
    """
  }

  private static let service = """
    apiVersion: v1
    kind: Service
    metadata: {name: shop, namespace: zoo, creationTimestamp: "2026-01-05T00:00:00Z"}
    spec: {clusterIP: 10.1.0.1, ports: [{name: http, port: 80}]}
    """

  private func scope(_ yaml: String..., features: [String: String]) throws -> OutboundScope {
    var settings = MeshSettings()
    settings.features = features
    let mesh = ClusterMesh(yaml.joined(separator: "\n---\n"), settings: settings).mesh
    let id = "sidecar~10.0.0.9~pod.default~default.svc.cluster.local"
    return mesh.outbound(for: try #require(ProxyNode(id: id, metadata: JSONObject())))
  }

  private static let host = Hostname(valid: "shop.zoo.svc.cluster.local")

  @Test func `Kubernetes' service counts before an older entry of another namespace`() throws {
    let sidecar = """
      apiVersion: networking.istio.io/v1
      kind: Sidecar
      metadata: {name: default, namespace: default}
      spec: {egress: [{hosts: ["*/*"]}]}
      """
    let namespace = { (features: [String: String]) in
      try scope(Self.entry("first", day: 1), Self.service, sidecar, features: features)
        .egress[0].services.filter { $0.hostname == Self.host }.map(\.namespace)
    }
    #expect(try namespace([:]) == ["zoo"])
    #expect(try namespace(["PILOT_UNIFIED_SIDECAR_SCOPE": "false"]) == ["first"])
  }

  @Test func `destinations of VirtualServices come from the best namespace, or from the first`()
    throws
  {
    let sidecar = """
      apiVersion: networking.istio.io/v1
      kind: Sidecar
      metadata: {name: default, namespace: default}
      spec: {egress: [{hosts: ["./*"]}]}
      ---
      apiVersion: networking.istio.io/v1
      kind: VirtualService
      metadata: {name: shop, namespace: default}
      spec: {hosts: [front.test], http: [{route: [{destination: {host: shop.zoo.svc.cluster.local}}]}]}
      """
    let namespace = { (features: [String: String]) in
      try scope(Self.entry("first", day: 1), Self.service, sidecar, features: features)
        .services.filter { $0.hostname == Self.host }.map(\.namespace)
    }
    #expect(try namespace([:]) == ["zoo"])
    #expect(try namespace(["PILOT_SIDECAR_PICK_BEST_SERVICE_NAMESPACE": "false"]) == ["first"])
  }
}
