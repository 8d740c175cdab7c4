// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import EnvoyAPI
import JSON
import MeshModel
import Testing

/// Istio's environment variables that shape clusters and endpoints.
struct FeatureTests {
  private static let external = """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: outside, namespace: default, labels: {app: shop, version: v3}}
    spec:
      hosts: [shop.example.com]
      location: MESH_EXTERNAL
      resolution: STATIC
      ports: [{number: 80, name: http, protocol: HTTP}]
      endpoints: [{address: 192.0.2.1, labels: {app: inner}}]
    """
  private static let dns = """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: named, namespace: default}
    spec:
      hosts: [named.example.com]
      resolution: DNS
      ports: [{number: 80, name: http, protocol: HTTP}]
    """
  private static let pods = ClusterMesh.pod(
    "web-0", "10.0.0.1", labels: "app: web, leaving: 'yes', istio.io/draining: 'yes'")
  private static let name = "outbound|80||web.default.svc.cluster.local"
  private static let istio: [String: JSONValue] = [
    "EXCHANGE_KEYS": "NAME", "ENVOY_EXTENSIONS": ["istio.metadata_exchange"],
  ]

  private func proxy(_ yaml: String..., features: [String: String] = [:]) -> ProxyContext {
    var settings = MeshSettings()
    settings.features = features
    return ClusterMesh(yaml.joined(separator: "\n---\n"), settings: settings).proxy()
  }

  private func endpoint(_ yaml: String..., features: [String: String] = [:], of name: String)
    -> JSONValue
  {
    proxy(yaml.joined(separator: "\n---\n"), features: features)
      .assignment(name)[path: "endpoints/0/lb_endpoints/0"]
  }

  @Test(arguments: [(nil, 100), ("7", 7), ("0", 0), ("many", 100)] as [(String?, Int)])
  func `queries of the resolver are limited`(written: String?, limit: Int) {
    let features = written.map { ["PILOT_DNS_CARES_UDP_MAX_QUERIES": $0] } ?? [:]
    let cluster = proxy(Self.dns, features: features).cluster("outbound|80||named.example.com")
    let config = cluster[path: "typed_dns_resolver_config/typed_config"]
    #expect(config[path: "udp_max_queries"].integer == Int64(limit))
  }

  @Test(arguments: [(nil, "0.100s"), ("2s", "2s"), ("0s", "0s")] as [(String?, String)])
  func `queries are spread in time`(written: String?, jitter: String) {
    let features = written.map { ["PILOT_DNS_JITTER_DURATION": $0] } ?? [:]
    let cluster = proxy(Self.dns, features: features).cluster("outbound|80||named.example.com")
    #expect(cluster[path: "dns_jitter"].string == jitter)
  }

  @Test func `the label of endpoints that drain can be another, or none`() {
    let web = ClusterMesh.web([("web-0", "10.0.0.1")])
    let health = { (features: [String: String]) in
      endpoint(Self.pods, web, features: features, of: Self.name)[path: "health_status"].string
    }
    #expect(health([:]) == nil, "left out: no session is kept")
    #expect(health(["PILOT_DRAINING_LABEL": ""]) == "HEALTHY")
    #expect(health(["PILOT_DRAINING_LABEL": "other"]) == "HEALTHY")
    #expect(health(["PILOT_DRAINING_LABEL": "leaving"]) == nil)
  }

  @Test func `an endpoint that drains is kept for sessions of a cookie`() {
    let web = ClusterMesh.web([("web-0", "10.0.0.1")])
    let health = { (label: String, features: [String: String]) in
      let named = web.replacing(
        "metadata: {name: web, namespace: default}",
        with: "metadata: {name: web, namespace: default, labels: {\(label): c}}")
      return endpoint(Self.pods, named, features: features, of: Self.name)[path: "health_status"]
        .string
    }
    #expect(health("istio.io/persistent-session", [:]) == "DRAINING")
    #expect(health("istio.io/persistent-session-header", [:]) == nil)
    #expect(health("sticky", ["PILOT_PERSISTENT_SESSION_LABEL": "sticky"]) == "DRAINING")
  }

  @Test func `labels of telemetry can be left out`() {
    let services = { (features: [String: String]) in
      let cluster = proxy(Self.external, features: features)
        .cluster("outbound|80||shop.example.com")
      return cluster[path: "metadata/filter_metadata/istio/services"]
    }
    let workload = { (features: [String: String]) in
      endpoint(Self.external, features: features, of: "outbound|80||shop.example.com")[
        path: "metadata/filter_metadata/istio/workload"
      ].string
    }
    #expect(services([:]).array?.count == 1)
    #expect(services(["PILOT_ENABLE_TELEMETRY_LABEL": "false"]).array == nil)
    #expect(services(["PILOT_ENDPOINT_TELEMETRY_LABEL": "false"]).array?.count == 1)
    #expect(workload([:]) == "outside-0;default;inner;;Kubernetes")
    #expect(workload(["PILOT_ENABLE_TELEMETRY_LABEL": "false"]) == nil)
    #expect(workload(["PILOT_ENDPOINT_TELEMETRY_LABEL": "false"]) == nil)
  }

  @Test func `services outside of the mesh can be named by their own labels`() {
    let features = ["LABEL_CANONICAL_SERVICES_FOR_MESH_EXTERNAL_SERVICE_ENTRIES": "true"]
    let workload = { (yaml: String) in
      endpoint(yaml, features: features, of: "outbound|80||shop.example.com")[
        path: "metadata/filter_metadata/istio/workload"
      ].string
    }
    #expect(workload(Self.external) == "outside-0;default;shop;v3;Kubernetes")
    let inside = Self.external.replacing("MESH_EXTERNAL", with: "MESH_INTERNAL")
    #expect(workload(inside) == "outside-0;default;inner;;Kubernetes")
    let nameless = Self.external.replacing("{app: shop, version: v3}", with: "{}")
    #expect(workload(nameless) == "outside-0;default;outside;;Kubernetes")
  }

  @Test func `gateways begin a span for the next hop unless told not to`() {
    let gateway = """
      apiVersion: networking.istio.io/v1
      kind: Gateway
      metadata: {name: gateway, namespace: default}
      spec:
        selector: {istio: gateway}
        servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
      """
    let spawns = { (features: [String: String]) in
      var settings = MeshSettings()
      settings.features = features
      settings.mesh.enableTracing = true
      var collector = Istio.Mesh.MeshConfig.ExtensionProvider()
      collector.name = "otel"
      var zipkin = Istio.Mesh.MeshConfig.ExtensionProvider.ZipkinTracingProvider()
      zipkin.service = "shop.example.com"
      zipkin.port = 80
      collector.provider = .zipkin(zipkin)
      settings.mesh.extensionProviders = [collector]
      settings.mesh.defaultProviders = .init()
      settings.mesh.defaultProviders?.tracing = ["otel"]
      let proxy = ClusterMesh(gateway, Self.external, settings: settings).proxy(
        kind: "router", metadata: ["LABELS": ["istio": "gateway"]])
      let text = proxy.gatewayListeners().map { $0.json().text() }.joined()
      #expect(text.contains("tracing"))
      return text.contains("spawn_upstream_span")
    }
    #expect(spawns([:]))
    #expect(!spawns(["PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY": "false"]))
  }
}
