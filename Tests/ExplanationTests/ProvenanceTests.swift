// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import MeshModel
import Testing

@testable import Explanation

/// Which objects made what.
struct ProvenanceTests {
  private let objects = """
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {name: root, namespace: default}
    spec:
      hosts: [server]
      http:
      - match: [{uri: {prefix: /part}}]
        delegate: {name: part}
      - route: [{destination: {host: server, subset: v1}}]
    ---
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {name: part, namespace: default}
    spec:
      http: [{route: [{destination: {host: other}}]}]
    ---
    apiVersion: networking.istio.io/v1
    kind: DestinationRule
    metadata: {name: versions, namespace: default}
    spec:
      host: server
      subsets: [{name: v1, labels: {version: v1}}]
    ---
    apiVersion: security.istio.io/v1
    kind: PeerAuthentication
    metadata: {name: all, namespace: default}
    spec: {mtls: {mode: STRICT}}
    """

  private func names(_ url: String) throws -> [WalkStep.Kind: [String]] {
    let walk = RequestWalk(try SmallMesh(objects).context())
    let steps = walk.walk(try TrafficRequest(url)).steps
    return Dictionary(
      steps.map { ($0.kind, $0.sources.map { "\($0.kind.kind) \($0.name)" }) }
    ) { first, _ in first }
  }

  @Test func everyStepNamesItsObjects() throws {
    let names = try names("http://server/")
    #expect(names[.listener] == ["Service gateway", "Service other", "Service server"])
    #expect(names[.route] == ["VirtualService root", "VirtualService part"])
    #expect(
      names[.virtualHost] == ["VirtualService root", "VirtualService part", "Service server"])
    #expect(
      names[.cluster] == [
        "DestinationRule versions", "Service server", "PeerAuthentication all",
      ])
    #expect(names[.endpoints]?.last == "EndpointSlice server-1")
  }

  @Test func servicesWithoutRulesMakeTheirRoutes() throws {
    let names = try names("http://other/")
    #expect(names[.virtualHost] == ["Service other"])
    #expect(names[.cluster] == ["Service other", "PeerAuthentication all"])
  }

  @Test func gatewaysMakeListenersAndChains() throws {
    let gateway = """
      apiVersion: networking.istio.io/v1
      kind: Gateway
      metadata: {name: gw, namespace: default}
      spec:
        selector: {istio: gateway}
        servers:
        - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}
        - {port: {number: 443, name: tls, protocol: TLS}, hosts: ['*'], tls: {mode: PASSTHROUGH}}
      ---
      apiVersion: networking.istio.io/v1
      kind: VirtualService
      metadata: {name: page, namespace: default}
      spec:
        hosts: ['*']
        gateways: [gw]
        tls:
        - match: [{port: 443, sniHosts: [pass.example.com]}]
          route: [{destination: {host: server, port: {number: 443}}}]
        http: [{route: [{destination: {host: server}}]}]
      """
    let walk = RequestWalk(try SmallMesh(gateway).gateway)
    let sources = { (url: String, kind: WalkStep.Kind) in
      walk.walk(try TrafficRequest(url)).steps.first { $0.kind == kind }?.sources.map(\.name)
    }
    #expect(try sources("http://a/", .listener) == ["gw"])
    #expect(try sources("http://a/", .filterChain) == ["gw"])
    #expect(try sources("https://pass.example.com", .filterChain) == ["gw", "page"])
  }

  @Test func generationsCountVersionsOfFiles() throws {
    let mesh = try SmallMesh(objects)
    let key = ObjectKey(
      kind: Istio.VirtualService.kind, namespace: "default", name: "root")
    #expect(mesh.store.generation(of: key) == 1)
  }
}
