// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import EnvoyAPI
import JSON
import MeshModel
import Testing

/// Rules of clusters that are seen in odd combinations only.
struct ClusterRuleTests {
  private func server(_ objects: String, settings: MeshSettings = MeshSettings()) -> ProxyContext {
    ListenerWorld(objects, settings: settings).context(address: "10.0.0.2")
  }

  @Test func `a port that only the Sidecar has is named after the Sidecar`() {
    var settings = MeshSettings()
    settings.mesh.inboundClusterStatName = "%SERVICE%|%SERVICE_FQDN%|%SERVICE_PORT%|%TARGET_PORT%"
    let cluster = server(
      """
      apiVersion: networking.istio.io/v1
      kind: Sidecar
      metadata: {name: side, namespace: default}
      spec:
        ingress: [{port: {number: 7777, name: http, protocol: HTTP}}]
      """, settings: settings
    ).cluster("inbound|7777||")
    #expect(cluster[path: "alt_stat_name"].string == "side.default|side.default|7777|7777;")
  }

  @Test func `a rule for selected workloads does not count for inbound traffic`() {
    let limit = { (selector: String) in
      server(
        """
        apiVersion: networking.istio.io/v1
        kind: DestinationRule
        metadata: {name: rule, namespace: default}
        spec:
          host: server
          \(selector)
          trafficPolicy: {connectionPool: {tcp: {maxConnections: 5}}}
        """
      ).cluster("inbound|8080||")[path: "circuit_breakers/thresholds/0/max_connections"].integer
    }
    #expect(limit("") == 5)
    #expect(limit("workloadSelector: {matchLabels: {app: server}}") != 5)
    #expect(limit("workloadSelector: {matchLabels: {}}") != 5)
  }

  @Test func `sessions reach gRPC clients without a proxy`() {
    var settings = MeshSettings()
    settings.features = ["PILOT_ENABLE_PERSISTENT_SESSION_FILTER": "true"]
    let world = ListenerWorld(
      """
      apiVersion: v1
      kind: Service
      metadata:
        {name: sticky, namespace: default, labels: {istio.io/persistent-session: "c:/path"}}
      spec: {clusterIP: 10.1.0.7, ports: [{name: grpc, port: 80}]}
      """, settings: settings)
    var node = world.context().node
    node.generator = "grpc"
    let context = ProxyContext(world.mesh, node: node, cache: ResourceCache())
    let filters = { (host: String) in
      let made = context.proxylessListeners(named: [host + ".default.svc.cluster.local:80"]).first
      let manager = made?.json()[path: "api_listener/api_listener/http_filters"]
      return manager?.array ?? []
    }
    #expect(
      filters("sticky").compactMap { $0["name"]?.string } == [
        "envoy.filters.http.stateful_session", "envoy.filters.http.fault",
        "envoy.filters.http.router",
      ])
    let state = filters("sticky").first?[path: "typed_config/session_state/typed_config/cookie"]
    #expect(state?["name"]?.string == "c")
    #expect(state?["path"]?.string == "/path")
    #expect(filters("server").count == 2)
  }

  @Test(arguments: [(["a"], "LOGICAL_DNS"), (["a", "b"], "STRICT_DNS")])
  func `a cluster with several endpoints is not logical`(entries: [String], type: String) {
    let workloads = entries.map { name in
      """
      ---
      apiVersion: networking.istio.io/v1
      kind: WorkloadEntry
      metadata: {name: \(name), namespace: default}
      spec: {address: \(name).example.com, labels: {app: robin}}

      """
    }
    let cluster = ClusterMesh(
      """
      apiVersion: networking.istio.io/v1
      kind: ServiceEntry
      metadata: {name: robin, namespace: default}
      spec:
        hosts: [robin.example.com]
        resolution: DNS_ROUND_ROBIN
        ports: [{number: 80, name: http, protocol: HTTP}]
        workloadSelector: {labels: {app: robin}}

      """ + workloads.joined()
    ).proxy().cluster("outbound|80||robin.example.com")
    #expect(cluster[path: "type"].string == type)
    let endpoints = cluster[path: "load_assignment/endpoints"].array ?? []
    #expect(endpoints.flatMap { $0["lb_endpoints"]?.array ?? [] }.count == entries.count)
  }

  @Test(arguments: [
    ("10.0.0.1,fd00::1", "V4_ONLY"), ("10.0.0.1", "V4_ONLY"), ("fd00::1", "V6_ONLY"),
  ])
  func `names that clients ask for are resolved to IPv4 where the proxy has it`(
    addresses: String, family: String
  ) {
    var settings = MeshSettings()
    settings.features = ["ISTIO_DUAL_STACK": "true"]
    let mesh = ClusterMesh(
      """
      apiVersion: networking.istio.io/v1
      kind: ServiceEntry
      metadata: {name: any, namespace: default}
      spec:
        hosts: ["*.example.com"]
        location: MESH_EXTERNAL
        resolution: DYNAMIC_DNS
        ports: [{number: 80, name: http, protocol: HTTP}]
      """, settings: settings)
    let first = addresses.split(separator: ",").first.map(String.init) ?? ""
    let cluster = mesh.proxy(first, metadata: ["INSTANCE_IPS": .string(addresses)])
      .cluster("outbound|80||*.example.com")
    let cache = cluster[path: "cluster_type/typed_config/dns_cache_config"]
    #expect(cache["dns_lookup_family"]?.string == family)
  }
}
