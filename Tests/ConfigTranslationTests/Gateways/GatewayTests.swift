// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import EnvoyAPI
import JSON
import MeshModel
import Testing

struct GatewayTests {
  private static let objects = """
    apiVersion: networking.istio.io/v1
    kind: Gateway
    metadata: {name: gw, namespace: default}
    spec:
      selector: {app: server}
      servers:
      - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*.example.com']}
      - port: {number: 443, name: https, protocol: HTTPS}
        hosts: [tls.example.com]
        tls: {mode: SIMPLE, credentialName: page}
      - port: {number: 9001, name: redirect, protocol: HTTP}
        hosts: [moved.example.com]
        tls: {httpsRedirect: true}
      - {port: {number: 80, name: late, protocol: TCP}, hosts: ['*']}
    ---
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {name: a, namespace: default, creationTimestamp: '2026-01-01T00:00:00Z'}
    spec:
      hosts: [app.example.com]
      gateways: [gw]
      http:
      - route: [{destination: {host: server}}]
    ---
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {name: b, namespace: default, creationTimestamp: '2026-01-02T00:00:00Z'}
    spec:
      hosts: [app.example.com]
      gateways: [gw]
      http:
      - match: [{uri: {prefix: /api}}]
        route: [{destination: {host: server, subset: api}}]
    ---
    apiVersion: v1
    kind: Secret
    metadata: {name: page, namespace: default}
    stringData: {tls.crt: certificate, tls.key: key}
    ---
    apiVersion: v1
    kind: Secret
    metadata: {name: other, namespace: default}
    stringData: {tls.crt: certificate, tls.key: key}
    """

  private func gateway(
    _ identity: VerifiedIdentity? = nil, metadata: JSONObject = ListenerWorld.istio
  ) -> ProxyContext {
    let world = ListenerWorld(Self.objects)
    var node = world.context(address: "10.0.0.2", metadata: metadata).node
    node.kind = .router
    node.identity = identity
    return ProxyContext(world.mesh, node: node, cache: ResourceCache())
  }

  @Test func serversListenOnThePodsPorts() {
    let names = gateway().gatewayListeners().map(\.name)
    #expect(names == ["0.0.0.0_8080", "0.0.0.0_8443", "0.0.0.0_9001"])
  }

  @Test func routesOfAHostAreMergedAndCatchAllsStandLast() {
    let routes = gateway().route("http.8080")
    let host = "server.default.svc.cluster.local"
    #expect(
      routes?.answer(Request(host: "app.example.com", path: "/api/1")) == "outbound|80|api|\(host)")
    #expect(routes?.answer(Request(host: "app.example.com")) == "outbound|80||\(host)")
    #expect(routes?.answer(Request(host: "elsewhere.com")) == "404")
  }

  @Test func serversWithoutRoutesRedirectOrRefuse() {
    let context = gateway()
    #expect(context.route("http.9001")?.answer(Request(host: "moved.example.com")) == "TLS")
    #expect(
      context.route("https.443.https.gw.default")?.answer(Request(host: "tls.example.com")) == "404"
    )
  }

  @Test func sidecarsHaveNoGatewayListeners() {
    #expect(ListenerWorld(Self.objects).context(address: "10.0.0.2").gatewayListeners().isEmpty)
  }

  @Test func plainEnvoysGetNoFiltersOfIstio() {
    for listener in gateway(metadata: ListenerWorld.plain).gatewayListeners() {
      #expect(!listener.filterNames.contains { $0.hasPrefix("istio.") })
    }
  }

  /// A router at 10.0.0.9 with Gateways `spec`.
  private func router(
    _ spec: String, settings: MeshSettings = MeshSettings()
  ) -> ProxyContext {
    let object = """
      apiVersion: networking.istio.io/v1
      kind: Gateway
      metadata: {name: gw, namespace: default}
      spec: {servers: \(spec)}
      """
    let world = ListenerWorld(object, settings: settings)
    var node = world.context().node
    node.kind = .router
    return ProxyContext(world.mesh, node: node, cache: ResourceCache())
  }

  @Test func noTwoChainsOfAListenerMatchTheSame() {
    let both = router(
      """
      [{port: {number: 8443, name: a, protocol: HTTPS}, hosts: ['*'],
        tls: {mode: SIMPLE, serverCertificate: /c, privateKey: /k}},
       {port: {number: 8443, name: b, protocol: HTTP}, hosts: ['*']}]
      """)
    let chains = both.gatewayListeners()[0].json()[path: "filter_chains"].array ?? []
    #expect(chains.count == 1 && chains[0][path: "transport_socket"] != .null)
    let overlapping = router(
      """
      [{port: {number: 15443, name: a, protocol: TLS}, hosts: ['*.local'],
        tls: {mode: AUTO_PASSTHROUGH}},
       {port: {number: 15443, name: b, protocol: TLS}, hosts: ['*.cluster.local'],
        tls: {mode: AUTO_PASSTHROUGH}}]
      """)
    let names = overlapping.gatewayListeners()[0].json()[path: "filter_chains"].array?.map {
      $0[path: "filter_chain_match/server_names/0"].string ?? ""
    }
    #expect(names?.count == 4 && Set(names ?? []).count == 4)
  }

  @Test func aProviderOfTheMeshServesNamedSecrets() {
    let spec = """
      [{port: {number: 8443, name: a, protocol: HTTPS}, hosts: ['*'],
        tls: {mode: SIMPLE, credentialName: 'sds://page'}}]
      """
    let secret =
      "filter_chains/0/transport_socket/typed_config/common_tls_context"
      + "/tls_certificate_sds_secret_configs/0"
    let byADS = router(spec).gatewayListeners()[0].json()
    #expect(byADS[path: secret + "/name"] == "kubernetes://page")
    var settings = MeshSettings()
    var provider = Istio.Mesh.MeshConfig.ExtensionProvider()
    provider.name = "secrets"
    provider.provider = .sds(
      .with {
        $0.service = "server.default.svc.cluster.local"
        $0.port = 9000
      })
    settings.mesh.extensionProviders = [provider]
    let byProvider = router(spec, settings: settings).gatewayListeners()[0].json()
    #expect(byProvider[path: secret + "/name"] == "page")
    let service = "/sds_config/api_config_source/grpc_services/0/envoy_grpc/cluster_name"
    #expect(
      byProvider[path: secret + service] == "outbound|9000||server.default.svc.cluster.local")
  }

  @Test func overUDPHTTP3IsSpokenWhereItIsTurnedOn() {
    let objects = """
      apiVersion: v1
      kind: Service
      metadata: {name: front, namespace: default}
      spec:
        clusterIP: 10.1.0.9
        selector: {app: server}
        ports:
        - {name: https, protocol: TCP, port: 443, targetPort: 8443}
        - {name: http3, protocol: UDP, port: 443, targetPort: 8443}
      """
    var settings = MeshSettings()
    settings.features["PILOT_ENABLE_QUIC_LISTENERS"] = "true"
    let world = ListenerWorld(Self.objects + "\n---\n" + objects, settings: settings)
    var node = world.context(address: "10.0.0.2").node
    node.kind = .router
    let context = ProxyContext(world.mesh, node: node, cache: ResourceCache())
    let listeners = context.gatewayListeners()
    #expect(listeners.map(\.name).contains("udp_0.0.0.0_8443"))
    let quic = listeners.first { $0.name == "udp_0.0.0.0_8443" }?.json() ?? .null
    #expect(quic[path: "address/socket_address/protocol"] == "UDP")
    #expect(quic[path: "udp_listener_config/quic_options"] != .null)
    #expect(quic[path: "listener_filters"] == .null)
    let socket = quic[path: "filter_chains/0/transport_socket"]
    #expect(socket["name"] == "envoy.transport_sockets.quic")
    let common = "typed_config/downstream_tls_context/common_tls_context/alpn_protocols"
    #expect(socket[path: common] == ["h3"])
    let manager = quic[path: "filter_chains/0/filters/0/typed_config"]
    #expect(manager["codec_type"] == "HTTP3")
    #expect(manager[path: "rds/route_config_name"] == "https.443.https.gw.default")
    #expect(gateway().gatewayListeners().allSatisfy { !$0.name.hasPrefix("udp_") })
  }

  @Test func responsesTellOfHTTP3() {
    let objects = """
      apiVersion: v1
      kind: Service
      metadata: {name: front, namespace: default}
      spec:
        selector: {app: server}
        ports: [{name: http3, protocol: UDP, port: 443, targetPort: 8443}]
      ---
      apiVersion: networking.istio.io/v1
      kind: VirtualService
      metadata: {name: tls, namespace: default}
      spec:
        hosts: [tls.example.com]
        gateways: [gw]
        http: [{route: [{destination: {host: server}}]}]
      """
    let route = { (isOn: String) -> JSONValue in
      var settings = MeshSettings()
      settings.features["PILOT_ENABLE_QUIC_LISTENERS"] = isOn
      let world = ListenerWorld(Self.objects + "\n---\n" + objects, settings: settings)
      var node = world.context(address: "10.0.0.2").node
      node.kind = .router
      let context = ProxyContext(world.mesh, node: node, cache: ResourceCache())
      return context.route("https.443.https.gw.default")?.json()[
        path: "virtual_hosts/0/routes/0/response_headers_to_add"] ?? .null
    }
    #expect(
      route("true")[path: "0/header"] == ["key": "alt-svc", "value": "h3=\":443\"; ma=86400"])
    #expect(route("false") == .null)
  }

  @Test func gatewaysMayGetOnlyTheClustersThatTheySendTo() {
    let objects = """
      apiVersion: v1
      kind: Service
      metadata: {name: other, namespace: default}
      spec: {clusterIP: 10.1.0.8, ports: [{name: http, protocol: TCP, port: 80}]}
      ---
      apiVersion: v1
      kind: Service
      metadata: {name: traces, namespace: default}
      spec: {clusterIP: 10.1.0.7, ports: [{name: http, protocol: TCP, port: 9411}]}
      """
    var settings = MeshSettings()
    var provider = Istio.Mesh.MeshConfig.ExtensionProvider()
    provider.provider = .zipkin(
      .with { $0.service = "default/traces.default.svc.cluster.local" })
    settings.mesh.extensionProviders = [provider]
    let hosts = { (kind: ProxyNode.Kind) -> Set<String> in
      let world = ListenerWorld(Self.objects + "\n---\n" + objects, settings: settings)
      var node = world.context(address: "10.0.0.2").node
      node.kind = kind
      let context = ProxyContext(world.mesh, node: node, cache: ResourceCache())
      let names = context.clusters().compactMap { ClusterName($0.name) }
      return Set(names.filter { $0.direction == .outbound }.map(\.host))
    }
    let all = Set(["server", "other", "traces"].map { $0 + ".default.svc.cluster.local" })
    #expect(hosts(.router) == all)
    settings.features["PILOT_FILTER_GATEWAY_CLUSTER_CONFIG"] = "true"
    #expect(hosts(.router) == all.filter { !$0.hasPrefix("other") })
    #expect(hosts(.sidecar) == all)
  }

  @Test func onlyAProvenReaderOfTheNamespaceGetsTheNamedSecret() {
    let owner = VerifiedIdentity(namespace: "default", serviceAccount: "server")
    let name = "kubernetes://page"
    #expect(gateway(owner).secret(name)?.name == name)
    #expect(gateway().secret(name) == nil)
    let stranger = VerifiedIdentity(namespace: "far", serviceAccount: "server")
    #expect(gateway(stranger).secret(name) == nil)
    // It exists, but no Gateway names it.
    #expect(gateway(owner).secret("kubernetes://other") == nil)
    #expect(gateway(owner).secret("kubernetes://far/page") == nil)
  }
  @Test func aGatewayElsewhereMayNameASecretOfTheWorkloadsNamespace() {
    let objects =
      Self.objects + """

        ---
        apiVersion: networking.istio.io/v1
        kind: Gateway
        metadata: {name: elsewhere, namespace: far}
        spec:
          selector: {app: server}
          servers:
          - port: {number: 8443, name: https, protocol: HTTPS}
            hosts: [far.example.com]
            tls: {mode: SIMPLE, credentialName: other}
        ---
        apiVersion: v1
        kind: Secret
        metadata: {name: roots, namespace: default}
        data: {ca.crt: cm9vdHM=, tls.crt: Y2VydA==, tls.key: a2V5}
        """
    let world = ListenerWorld(objects)
    func reader(_ namespace: String) -> ProxyContext {
      var node = world.context(address: "10.0.0.2").node
      node.kind = .router
      node.identity = VerifiedIdentity(namespace: namespace, serviceAccount: "server")
      return ProxyContext(world.mesh, node: node, cache: ResourceCache())
    }
    #expect(reader("default").secret("kubernetes://other") != nil)
    #expect(reader("far").secret("kubernetes://other") == nil)
    // Roots of its own namespace are no secret; what else the object holds is.
    let roots = reader("default").secret("kubernetes://roots-cacert")?.json().text() ?? ""
    #expect(roots.contains("trusted_ca") && !roots.contains("private_key"), "\(roots)")
    #expect(reader("far").secret("kubernetes://default/roots-cacert") == nil)
    #expect(reader("default").secret("kubernetes://roots") == nil)
  }
}
