// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import ServiceDiscovery
import Testing

@Suite struct KubernetesTests {
  private let web = service(
    "web",
    spec: [
      "clusterIP": "10.0.0.1", "selector": ["app": "web"],
      "ports": [["name": "http", "port": 80, "targetPort": "main"]],
    ])
  private let host = "web.a.svc.cluster.local"

  private func target(_ pod: String) -> JSONValue {
    ["kind": "Pod", "name": .string(pod), "namespace": "a"]
  }

  @Test func makesServicesAndEndpointsOfPods() throws {
    let registry = registry(
      tables(
        web,
        pod(
          "p1", ips: ["1.1.1.1"], labels: ["app": "web", "security.istio.io/tlsMode": "istio"],
          spec: ["nodeName": "n1", "serviceAccountName": "sa"]),
        [
          "apiVersion": "v1", "kind": "Node",
          "metadata": [
            "name": "n1",
            "labels": [
              "topology.kubernetes.io/region": "r", "topology.kubernetes.io/zone": "z",
              "topology.istio.io/subzone": "s",
            ],
          ],
        ],
        slice("web", endpoints: [["addresses": ["1.1.1.1"], "targetRef": target("p1")]])))
    let service = try #require(registry.services.first)
    #expect(service.hostname.text == host)
    #expect(service.addresses == ["Kubernetes": ["10.0.0.1"]])
    #expect(endpointTexts(registry, host) == ["1.1.1.1:8080 http healthy"])
    let facts = try #require(registry.endpointsByService[service.key]?.first?.workload.facts)
    #expect(facts.locality.description == "r/z/s")
    #expect(facts.serviceAccount == "spiffe://cluster.local/ns/a/sa/sa")
    #expect(facts.tlsMode == "istio")
    #expect(facts.labels["topology.istio.io/cluster"] == "Kubernetes")
  }

  @Test func tellsHealth() {
    let conditions: [(JSONValue, String)] = [
      (["ready": true], "healthy"), ([:], "healthy"),
      (["ready": false, "serving": false, "terminating": false], "unhealthy"),
      (["ready": false, "serving": true, "terminating": true], "terminating"),
    ]
    for (condition, health) in conditions {
      let registry = registry(
        tables(
          web, slice("web", endpoints: [["addresses": ["1.1.1.1"], "conditions": condition]])))
      #expect(endpointTexts(registry, host) == ["1.1.1.1:8080 http \(health)"])
    }
  }

  @Test func leavesOutEndpointsOfUnknownPods() {
    let registry = registry(
      tables(
        web, slice("web", endpoints: [["addresses": ["1.1.1.1"], "targetRef": target("p1")]])))
    #expect(endpointTexts(registry, host) == [])
  }

  @Test func joinsTheFamiliesOfAPod() {
    let dual = service(
      "web",
      spec: [
        "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"],
        "ports": [["name": "http", "port": 80]],
      ])
    let objects = tables(
      dual, pod("p1", ips: ["1.1.1.1", "fd00::2"]),
      slice("web", endpoints: [["addresses": ["1.1.1.1"], "targetRef": target("p1")]]),
      slice(
        "web", suffix: "2", type: "IPv6",
        endpoints: [["addresses": ["fd00::2"], "targetRef": target("p1")]]))
    var settings = RegistrySettings()
    settings.isDualStack = true
    #expect(
      endpointTexts(registry(objects, settings: settings), host) == [
        "1.1.1.1+fd00::2:8080 http healthy"
      ])
    #expect(
      endpointTexts(registry(objects), host) == [
        "1.1.1.1:8080 http healthy", "fd00::2:8080 http healthy",
      ])
  }

  @Test(
    arguments: [
      ("http", nil, 80, PortProtocol.http), ("grpc-web-x", nil, 80, .grpcWeb),
      ("http2-foo", nil, 80, .http2), ("foo", nil, 80, .unsupported), ("foo", nil, 3306, .tcp),
      ("http", "tls", 80, .tls), ("x", "kubernetes.io/h2c", 80, .http2),
      ("HTTPS-1", nil, 80, .https),
      ("httpfoo", nil, 80, .unsupported), ("mysql", nil, 3306, .mysql),
    ] as [(String, String?, Int32, PortProtocol)])
  func selectsProtocols(name: String, app: String?, port: Int32, expected: PortProtocol) {
    #expect(PortProtocol(port: port, name: name, transport: "TCP", appProtocol: app) == expected)
    #expect(PortProtocol(port: port, name: name, transport: "UDP", appProtocol: app) == .udp)
  }

  @Test func findsTheServicesOfAProxy() {
    let registry = registry(
      tables(
        web, service("other", spec: ["selector": ["app": "x"], "ports": [["port": 1]]]),
        pod(
          "p1", ips: ["1.1.1.1"], labels: ["app": "web"],
          spec: ["containers": [["ports": [["name": "main", "containerPort": 9000]]]]])))
    let found = registry.targets(of: ProxyPlace(addresses: ["1.1.1.1"], namespace: "a"))
    #expect(found.map(\.targetPort) == [9000])
    #expect(found.map(\.service.name) == ["web"])
    #expect(registry.targets(of: ProxyPlace(addresses: ["1.1.1.2"], namespace: "a")).isEmpty)
    let unknown = ProxyPlace(
      addresses: ["1.1.1.2"], namespace: "a", labels: ["app": "web"], podPorts: ["main": 9001])
    #expect(registry.targets(of: unknown).map(\.targetPort) == [9001])
  }

  @Test func resolvesExternalNames() throws {
    func alias(_ name: String, _ target: String) -> JSONValue {
      service(name, spec: ["type": "ExternalName", "externalName": .string(target)])
    }
    let registry = registry(
      tables(
        web, alias("one", host), alias("two", "one.a.svc.cluster.local"),
        alias("loop", "loop.a.svc.cluster.local"), alias("out", "example.com")))
    let key = ServiceKey(Hostname(valid: host), namespace: "a")
    #expect(
      try #require(registry.service(key)).aliases.map(\.hostname.text) == [
        "one.a.svc.cluster.local", "two.a.svc.cluster.local",
      ])
  }

  @Test func rebuildsOnlyWhatWasTouched() {
    var objects = tables(web, slice("web", endpoints: [["addresses": ["1.1.1.1"]]]))
    let old = registry(objects)
    let (changed, _) = ConfigurationObject.decode(
      slice("web", endpoints: [["addresses": ["1.1.1.2"]]]))
    if let changed { objects.insert(changed) }
    let sources = ServiceSources(objects, settings: RegistrySettings())
    let key = ServiceKey(Hostname(valid: host), namespace: "a")
    let new = old.rebuildingEndpoints(of: [key], from: sources)
    #expect(new.endpointsByService == ServiceRegistry(sources).endpointsByService)
    #expect(endpointTexts(new, host) == ["1.1.1.2:8080 http healthy"])
  }
}
