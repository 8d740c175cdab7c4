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
}
