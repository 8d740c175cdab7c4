// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import MeshModel
import Testing

/// What contradicts itself or leads nowhere, by istiod's metrics.
struct PushStatusTests {
  private func status(_ objects: String, address: String = "10.0.0.9") -> PushStatus {
    let world = ListenerWorld(objects)
    return PushStatus(world.mesh, proxies: [world.context(address: address)])
  }

  @Test("A mesh in order has nothing to tell of but clusters without endpoints and the client")
  func inOrder() {
    let status = status("", address: "10.0.0.2")
    let told = status.notes.filter { !$0.value.isEmpty }.keys
    #expect(Set(told) == [.emptyEDSClusters])
    #expect(
      status.notes[.emptyEDSClusters]?["outbound|80||server.default.svc.cluster.local"] != nil)
  }

  @Test("A sidecar that no service selects, and only it, counts as having no IP")
  func noService() {
    #expect(status("").count(.proxiesWithoutService) == 1)
    #expect(status("", address: "10.0.0.2").count(.proxiesWithoutService) == 0)
  }

  @Test("Two VirtualServices for a host claim each of its ports twice")
  func domains() {
    let rule = { (name: String, host: String) in
      """
      apiVersion: networking.istio.io/v1
      kind: VirtualService
      metadata: {name: \(name), namespace: default}
      spec: {hosts: [\(host)], http: [{route: [{destination: {host: server}}]}]}
      """
    }
    let twice = status(rule("a", "server") + "\n---\n" + rule("b", "server"))
    #expect(
      twice.notes[.duplicateDomains]?.keys.sorted() == [
        "server.default.svc.cluster.local:7000", "server.default.svc.cluster.local:80",
      ])
    #expect(
      status(rule("a", "server") + "\n---\n" + rule("b", "other")).count(.duplicateDomains) == 0)
  }

  @Test("A subset that two DestinationRules name counts once a host, empty subsets as clusters")
  func subsets() {
    let rule = { (name: String, subset: String) in
      """
      apiVersion: networking.istio.io/v1
      kind: DestinationRule
      metadata: {name: \(name), namespace: default}
      spec: {host: server, subsets: [{name: \(subset), labels: {version: \(subset)}}]}
      """
    }
    let twice = status(rule("a", "v1") + "\n---\n" + rule("b", "v1"))
    #expect(twice.notes[.duplicateSubsets]?.keys.sorted() == ["server.default.svc.cluster.local"])
    #expect(
      twice.notes[.emptyEDSClusters]?["outbound|80|v1|server.default.svc.cluster.local"] != nil)
    #expect(status(rule("a", "v1") + "\n---\n" + rule("b", "v2")).count(.duplicateSubsets) == 0)
  }

  @Test("TCP services without addresses dispute a port")
  func listeners() {
    let entry = { (name: String, port: Int) in
      """
      apiVersion: networking.istio.io/v1
      kind: ServiceEntry
      metadata: {name: \(name), namespace: default}
      spec:
        hosts: [\(name).example.com]
        location: MESH_EXTERNAL
        resolution: DNS
        ports: [{name: tcp, number: \(port), protocol: TCP}]
      """
    }
    let disputed = status(entry("a", 9999) + "\n---\n" + entry("b", 9999))
    #expect(disputed.notes[.outboundListenerConflicts]?.keys.sorted() == ["0.0.0.0_9999"])
    let apart = status(entry("a", 9998) + "\n---\n" + entry("b", 9999))
    #expect(apart.count(.outboundListenerConflicts) == 0)
  }

  @Test("Services that give one port of a workload different protocols dispute it")
  func inbound() {
    let service = """
      apiVersion: v1
      kind: Service
      metadata: {name: other, namespace: default}
      spec:
        clusterIP: 10.1.0.3
        selector: {app: server}
        ports: [{name: tcp, protocol: TCP, port: 80, targetPort: 8080}]
      """
    #expect(status(service, address: "10.0.0.2").count(.inboundListenerConflicts) == 1)
    let same = service.replacing("name: tcp", with: "name: http")
    #expect(status(same, address: "10.0.0.2").count(.inboundListenerConflicts) == 0)
  }

  @Test("An endpoint whose Pod is not known waits; one that is not ready is told of its proxy")
  func endpoints() {
    let slice = """
      apiVersion: discovery.k8s.io/v1
      kind: EndpointSlice
      addressType: IPv4
      metadata: {name: server-1, namespace: default, labels: {kubernetes.io/service-name: server}}
      ports: [{name: http, port: 8080, protocol: TCP}]
      endpoints:
      - addresses: [10.0.0.2]
        conditions: {ready: false, serving: false, terminating: false}
        targetRef: {kind: Pod, name: server-1, namespace: default}
      - addresses: [10.0.0.7]
        conditions: {ready: true}
        targetRef: {kind: Pod, name: server-7, namespace: default}
      """
    let status = status(slice, address: "10.0.0.2")
    #expect(status.endpointsAwaitingPods == 1)
    #expect(
      status.notes[.endpointsWithoutPod]?["server.default.svc.cluster.local"]?.message == "10.0.0.7"
    )
    #expect(status.count(.endpointsNotReady) == 1)
  }
}
