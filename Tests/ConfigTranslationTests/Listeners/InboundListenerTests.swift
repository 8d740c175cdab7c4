// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import EnvoyAPI
import JSON
import MeshModel
import Testing

struct InboundListenerTests {
  private static func policy(_ mode: String, name: String = "all", rest: String = "") -> String {
    """
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata: {name: \(name), namespace: default}
    spec: {mtls: {mode: \(mode)}\(rest)}
    """
  }

  private static let plain = Connection(address: "10.0.0.2", port: 8080, alpn: "http/1.1")
  private static let mutual = Connection(
    address: "10.0.0.2", port: 8080, alpn: "istio-http/1.1", isTLS: true)

  private func listeners(
    _ objects: String = "", metadata: JSONObject = ListenerWorld.istio
  ) -> [EncodedResource] {
    ListenerWorld(objects).context(address: "10.0.0.2", metadata: metadata).listeners()
  }

  @Test func bothArePermittedByDefault() {
    let listeners = listeners()
    #expect(listeners.inbound(Self.plain) == "routes inbound|8080||")
    #expect(listeners.inbound(Self.mutual) == "routes inbound|8080||")
    #expect(
      listeners.inbound(Connection(address: "10.0.0.2", port: 9000)) == "cluster inbound|9000||")
  }

  @Test func strictRefusesPlainText() {
    let listeners = listeners(Self.policy("STRICT"))
    #expect(listeners.inbound(Self.plain) == "nowhere")
    #expect(listeners.inbound(Self.mutual) == "routes inbound|8080||")
    #expect(listeners.inbound(Connection(address: "10.0.0.2", port: 1234)) == "nowhere")
  }

  @Test func aPortsModeCountsBeforeTheWorkloads() {
    let rest = ", selector: {matchLabels: {app: server}}, portLevelMtls: {8080: {mode: DISABLE}}"
    let listeners = listeners(
      Self.policy("STRICT", name: "one", rest: rest))
    #expect(listeners.inbound(Self.plain) == "routes inbound|8080||")
    #expect(listeners.inbound(Connection(address: "10.0.0.2", port: 9000)) == "nowhere")
  }

  @Test func portsOfNoServicePass() {
    let connection = Connection(address: "10.0.0.2", port: 1234)
    #expect(listeners().inbound(connection) == "cluster InboundPassthroughCluster")
    let own = Connection(address: "10.0.0.2", port: 15006)
    #expect(listeners().inbound(own) == "cluster BlackHoleCluster")
  }

  @Test func unmodifiedEnvoysGetNoFilterOfIstio() {
    let listeners = listeners(metadata: ListenerWorld.plain)
    let names = listeners.reduce(into: Set<String>()) { $0.formUnion($1.filterNames) }
    #expect(names.allSatisfy { $0.hasPrefix("envoy.") })
    #expect(!names.contains("envoy.transport_sockets.tls"))
    #expect(listeners.inbound(Self.plain) == "routes inbound|8080||")
  }

  @Test func withoutCertificatesStrictPortsAreClosed() {
    let listeners = listeners(Self.policy("STRICT"), metadata: ListenerWorld.plain)
    #expect(listeners.inbound(Self.plain) == "nowhere")
    #expect(listeners.inbound(Self.mutual) == "nowhere")
  }

  @Test func ingressOfASidecarReplacesTheServicesPorts() {
    let listeners = listeners(
      """
      apiVersion: networking.istio.io/v1
      kind: Sidecar
      metadata: {name: own, namespace: default}
      spec:
        ingress:
        - {port: {number: 8080, protocol: TCP, name: tcp}, defaultEndpoint: "127.0.0.1:1"}
      """)
    #expect(listeners.inbound(Self.plain) == "cluster inbound|8080||")
    #expect(
      listeners.inbound(Connection(address: "10.0.0.2", port: 9000))
        == "cluster InboundPassthroughCluster")
  }

  @Test func grpcServersAreGivenTheirOwnAddresses() throws {
    let name = "xds.istio.io/grpc/lds/inbound/0.0.0.0:9000"
    let context = ListenerWorld(Self.policy("STRICT")).context(address: "10.0.0.2")
    let made = context.proxylessListeners(named: [name, "server:9000", "unknown:1"])
    #expect(made.map(\.name) == ["server:9000", name])
    #expect(made[1].filterNames.contains("inbound-hcmmtls"))
    #expect(
      RouteReferences.routes(of: made[0]) == ["outbound|9000||server.default.svc.cluster.local"])
  }
}
