// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import EnvoyAPI
import JSON
import MeshModel
import Testing

struct OutboundListenerTests {
  @Test func requestsAreRoutedByPort() {
    let listeners = ListenerWorld().context().listeners()
    let request = Connection(address: "10.1.0.2", port: 80, alpn: "http/1.1")
    #expect(listeners.outbound(request) == "routes 80")
    // What is no HTTP passes through.
    #expect(
      listeners.outbound(Connection(address: "10.1.0.2", port: 80)) == "cluster PassthroughCluster")
  }

  @Test func connectionsGoToTheServiceOfTheirAddress() {
    let listeners = ListenerWorld().context().listeners()
    let host = "server.default.svc.cluster.local"
    #expect(
      listeners.outbound(Connection(address: "10.1.0.2", port: 9000))
        == "cluster outbound|9000||\(host)")
    #expect(
      listeners.outbound(Connection(address: "10.1.0.3", port: 9000))
        == "cluster PassthroughCluster")
  }

  @Test func undeclaredPortsAreSniffed() {
    let listeners = ListenerWorld().context().listeners()
    let host = "server.default.svc.cluster.local"
    #expect(
      listeners.outbound(Connection(address: "10.1.0.2", port: 7000, alpn: "h2c"))
        == "routes \(host):7000")
    #expect(
      listeners.outbound(Connection(address: "10.1.0.2", port: 7000))
        == "cluster outbound|7000||\(host)")
  }

  @Test func registryOnlyEndsUnknownConnections() {
    var settings = MeshSettings()
    settings.mesh.outboundTrafficPolicy = .init()
    let listeners = ListenerWorld(settings: settings).context().listeners()
    #expect(
      listeners.outbound(Connection(address: "192.0.2.1", port: 5000))
        == "cluster BlackHoleCluster")
  }

  @Test func tlsRoutesMatchServerNames() {
    let world = ListenerWorld(
      """
      apiVersion: networking.istio.io/v1
      kind: ServiceEntry
      metadata: {name: out, namespace: default}
      spec:
        hosts: [a.example.com, b.example.com]
        ports: [{number: 443, name: tls, protocol: TLS}]
        resolution: DNS
      ---
      apiVersion: networking.istio.io/v1
      kind: VirtualService
      metadata: {name: out, namespace: default}
      spec:
        hosts: [a.example.com]
        tls:
        - match: [{port: 443, sniHosts: [a.example.com]}]
          route:
          - {destination: {host: a.example.com}, weight: 30}
          - {destination: {host: b.example.com}, weight: 70}
      """)
    let listeners = world.context().listeners()
    let connection = { (name: String) in
      Connection(address: "192.0.2.1", port: 443, serverName: name, isTLS: true)
    }
    #expect(
      listeners.outbound(connection("a.example.com"))
        == "30 outbound|443||a.example.com, 70 outbound|443||b.example.com")
    #expect(
      listeners.outbound(connection("b.example.com")) == "cluster outbound|443||b.example.com")
    #expect(listeners.outbound(connection("c.example.com")) == "cluster PassthroughCluster")
  }

  @Test func subnetsOfTCPRoutesCountBeforeTheService() {
    let world = ListenerWorld(
      """
      apiVersion: networking.istio.io/v1
      kind: ServiceEntry
      metadata: {name: net, namespace: default}
      spec:
        hosts: [net.example.com]
        addresses: [192.0.2.0/24]
        ports: [{number: 5000, name: tcp, protocol: TCP}]
        resolution: NONE
      ---
      apiVersion: networking.istio.io/v1
      kind: VirtualService
      metadata: {name: net, namespace: default}
      spec:
        hosts: [net.example.com]
        tcp:
        - match: [{destinationSubnets: [192.0.2.128/25]}]
          route: [{destination: {host: server.default.svc.cluster.local, port: {number: 9000}}}]
      """)
    let listeners = world.context().listeners()
    #expect(
      listeners.outbound(Connection(address: "192.0.2.200", port: 5000))
        == "cluster outbound|9000||server.default.svc.cluster.local")
    #expect(
      listeners.outbound(Connection(address: "192.0.2.1", port: 5000))
        == "cluster outbound|5000||net.example.com")
  }

  @Test func nothingIsRedirectedInModeNone() {
    var metadata = ListenerWorld.istio
    metadata["INTERCEPTION_MODE"] = "NONE"
    let names = ListenerWorld().context(metadata: metadata).listeners().map(\.name)
    #expect(names == ["127.0.0.1_443", "127.0.0.1_7000", "127.0.0.1_80", "127.0.0.1_9000"])
  }

  @Test func equalProxiesShareTheirListeners() {
    let world = ListenerWorld()
    let cache = ResourceCache()
    let listeners = ["10.0.0.8", "10.0.0.9"].map { address in
      let node = world.context(address: address).node
      return ProxyContext(world.mesh, node: node, cache: cache).listeners()
    }
    #expect(cache.counts.built == listeners[0].count)
    #expect(zip(listeners[0], listeners[1]).allSatisfy { $0 === $1 })
  }

  @Test func referencesAreThoseOfTheFilters() throws {
    let listeners = ListenerWorld().context().listeners()
    let http = try #require(listeners.first { $0.name == "0.0.0.0_80" })
    #expect(RouteReferences.routes(of: http) == ["80"])
    #expect(ClusterReferences.clusters(of: http) == ["PassthroughCluster"])
    let tcp = try #require(listeners.first { $0.name == "10.1.0.2_9000" })
    #expect(
      ClusterReferences.clusters(of: tcp) == ["outbound|9000||server.default.svc.cluster.local"])
  }

  @Test func aServerNameIsMatchedOnceInAListener() {
    let rules = """
      apiVersion: networking.istio.io/v1
      kind: VirtualService
      metadata: {name: tls, namespace: default}
      spec:
        hosts: [server]
        tls:
        - match: [{sniHosts: [a.com, b.com]}]
          route: [{destination: {host: first}}]
        - match: [{sniHosts: [b.com, c.com]}, {sniHosts: [b.com]}]
          route: [{destination: {host: second}}]
      """
    let listeners = ListenerWorld(rules).context().listeners()
    let chains = listeners.first { $0.name == "10.1.0.2_443" }?.json()[path: "filter_chains"]
    let names = (chains?.array ?? []).map { chain in
      (chain[path: "filter_chain_match/server_names"].array ?? []).compactMap(\.string)
    }
    #expect(names == [["a.com", "b.com"], ["c.com"]])
    let target = { (name: String) in
      listeners.outbound(
        Connection(address: "10.1.0.2", port: 443, serverName: name, isTLS: true))
    }
    #expect(target("b.com") == "cluster outbound|443||first.default.svc.cluster.local")
    #expect(target("c.com") == "cluster outbound|443||second.default.svc.cluster.local")
  }
}
