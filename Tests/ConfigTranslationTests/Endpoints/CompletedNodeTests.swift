// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import JSON
import MeshModel
import ServiceDiscovery
import Testing

/// What is known of a proxy besides what it tells.
struct CompletedNodeTests {
  private static let objects = """
    apiVersion: v1
    kind: Node
    metadata: {name: n, labels: {topology.kubernetes.io/region: r1, topology.kubernetes.io/zone: z1}}
    ---
    apiVersion: v1
    kind: Pod
    metadata: {name: client, namespace: default, labels: {app: client}}
    spec: {nodeName: n, containers: []}
    status: {podIP: 10.0.0.9, phase: Running}
    ---
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: vm, namespace: default}
    spec:
      hosts: [vm.example.com]
      ports: [{number: 80, name: http, protocol: HTTP}]
      resolution: STATIC
      workloadSelector: {labels: {app: vm}}
    ---
    apiVersion: networking.istio.io/v1
    kind: WorkloadEntry
    metadata: {name: vm-1, namespace: default}
    spec: {address: 10.0.0.7, labels: {app: vm}, locality: r2/z2/s2}
    """

  private func node(
    _ name: String, address: String = "10.0.0.9", metadata: JSONObject = ListenerWorld.istio,
    locality: Locality = Locality(path: "r9/z9")
  ) throws -> ProxyNode {
    let id = "sidecar~\(address)~\(name).default~default.svc.cluster.local"
    let node = try #require(ProxyNode(id: id, metadata: metadata, locality: locality))
    return ProxyContext(
      ListenerWorld(Self.objects).mesh, node: node, cache: ResourceCache()
    ).node
  }

  @Test func thePodsNodeTellsThePlace() throws {
    let node = try node("client")
    #expect(node.locality == Locality(path: "r1/z1"))
    #expect(node.labels["app"] == "client")
    #expect(node.labels["kubernetes.io/hostname"] == "n")
  }

  @Test func aWorkloadEntryTellsLabelsAndPlace() throws {
    let node = try node("vm", address: "10.0.0.7")
    #expect(node.locality == Locality(path: "r2/z2/s2"))
    #expect(node.labels["app"] == "vm")
  }

  @Test func whatNobodyKnowsTellsItself() throws {
    var metadata = ListenerWorld.istio
    metadata["LABELS"] = ["app": "own"]
    let node = try node("stranger", address: "10.0.0.99", metadata: metadata)
    #expect(node.locality == Locality(path: "r9/z9"))
    #expect(node.labels["app"] == "own")
    #expect(node.labels["topology.kubernetes.io/zone"] == "z9")
  }

  @Test func aPodIsFoundByNameAndElseByAddress() throws {
    #expect(try node("client", address: "10.0.0.200").labels["app"] == "client")
    #expect(try node("other-name").labels["app"] == "client")
  }

  @Test func staticLabelsAreAdded() throws {
    var metadata = ListenerWorld.istio
    metadata["STATIC_LABELS"] = ["app": "no", "more": "yes"]
    let labels = try node("client", metadata: metadata).labels
    #expect(labels["app"] == "client")
    #expect(labels["more"] == "yes")
  }
}
