// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import ServiceDiscovery
import Testing

@Suite struct ServiceEntryTests {
  private let http: JSONValue = [["name": "http", "number": 80, "protocol": "HTTP"]]

  @Test func ofDNSWithoutEndpointsIsItsOwnEndpoint() throws {
    let registry = registry(
      tables(
        serviceEntry(
          "e", spec: ["hosts": ["x.com"], "ports": http, "resolution": "DNS"])))
    let service = try #require(registry.services.first)
    #expect(service.resolution == .dnsLB && service.isMeshExternal)
    #expect(service.autoAllocated == ["240.240.0.1", "2001:2::1"])
    #expect(endpointTexts(registry, "x.com") == ["x.com:80 http unknown"])
  }

  @Test func takesPortsOfEndpointsBeforeTargetPorts() {
    let registry = registry(
      tables(
        serviceEntry(
          "e",
          spec: [
            "hosts": ["x.com"], "resolution": "STATIC", "location": "MESH_INTERNAL",
            "ports": [["name": "http", "number": 80, "protocol": "HTTP", "targetPort": 8080]],
            "endpoints": [
              ["address": "1.1.1.1"], ["address": "1.1.1.2", "ports": ["http": 9090]],
              ["address": "unix:///var/run/x"],
            ],
          ])))
    #expect(
      endpointTexts(registry, "x.com") == [
        "1.1.1.1:8080 http unknown", "1.1.1.2:9090 http unknown", "/var/run/x:0 http unknown",
      ])
  }

  @Test func selectsPodsThatAreReadyAndWorkloadEntries() {
    let registry = registry(
      tables(
        serviceEntry(
          "e",
          spec: [
            "hosts": ["x.com"], "ports": http, "resolution": "STATIC",
            "workloadSelector": ["labels": ["app": "x"]],
          ]),
        pod("p1", ips: ["1.1.1.1"], labels: ["app": "x"]),
        pod("p2", ips: ["1.1.1.2"], labels: ["app": "x"], ready: false),
        pod("p3", "other", ips: ["1.1.1.3"], labels: ["app": "x"]),
        workloadEntry("w1", labels: ["app": "x"], spec: ["address": "2.2.2.2"]),
        workloadEntry("w2", spec: ["address": "vm.com", "labels": ["app": "x"]])))
    #expect(
      endpointTexts(registry, "x.com") == [
        "1.1.1.1:80 http healthy", "2.2.2.2:80 http unknown",
      ])
    let found = registry.targets(of: ProxyPlace(addresses: ["1.1.1.1"], namespace: "a"))
    #expect(found.map(\.service.name) == ["x.com"])
  }

  @Test func kubernetesServicesSelectWorkloadEntries() throws {
    let registry = registry(
      tables(
        service(
          "web",
          spec: [
            "clusterIP": "10.0.0.1", "selector": ["app": "x"],
            "ports": [["name": "http", "port": 80, "targetPort": 8080]],
          ]),
        workloadEntry(
          "w", spec: ["address": "2.2.2.2", "labels": ["app": "x"], "serviceAccount": "vm"])))
    #expect(endpointTexts(registry, "web.a.svc.cluster.local") == ["2.2.2.2:8080 http unknown"])
    let endpoint = try #require(registry.endpointsByService.values.first?.first)
    #expect(endpoint.workload.facts.tlsMode == "istio")
    let found = registry.targets(of: ProxyPlace(addresses: ["2.2.2.2"], namespace: "a"))
    #expect(found.map(\.targetPort) == [8080])
  }

  @Test func theOldestEntryOfAHostCountsAndKubernetesBeforeIt() throws {
    let spec: JSONValue = [
      "hosts": ["web.a.svc.cluster.local", "x.com"], "ports": http, "resolution": "STATIC",
      "endpoints": [["address": "3.3.3.3"]],
    ]
    let registry = registry(
      tables(
        serviceEntry("young", age: 1, spec: spec), serviceEntry("old", age: 2, spec: spec),
        service(
          "web", spec: ["clusterIP": "10.0.0.1", "ports": [["name": "web", "port": 80]]]),
        slice(
          "web", ports: [["name": "web", "port": 8080]],
          endpoints: [["addresses": ["1.1.1.1"]]])))
    let web = ServiceKey(Hostname(valid: "web.a.svc.cluster.local"), namespace: "a")
    let external = ServiceKey(Hostname(valid: "x.com"), namespace: "a")
    #expect(registry.service(external)?.source.name == "old")
    #expect(registry.service(web)?.registry == .kubernetes)
    let port = try #require(registry.service(web)?.ports.first)
    #expect(
      registry.endpoints(of: web, port: port).map(\.addresses) == [
        ["3.3.3.3"], ["3.3.3.3"], ["1.1.1.1"],
      ])
  }

  @Test func keepsAllocatedAddresses() throws {
    func entry(_ name: String, age: Int) throws -> ConfigObject<Istio.ServiceEntry> {
      let object = ConfigurationObject.decode(
        serviceEntry(name, age: age, spec: ["hosts": [.string(name)], "resolution": "DNS"])
      ).object
      guard case .serviceEntry(let entry) = object else { throw ConfigError(at: FieldPath(), "") }
      return entry
    }
    func address(_ allocation: AddressAllocation, _ name: String) -> String? {
      allocation.addresses(of: .init(namespace: "a", entry: name, host: name)).first
    }
    let old = AddressAllocation(entries: [try entry("b", age: 1), try entry("c", age: 0)])
    #expect(address(old, "b") == "240.240.0.1")
    #expect(address(old, "c") == "240.240.0.2")
    let new = AddressAllocation(
      entries: [try entry("c", age: 0), try entry("older", age: 5)], previous: old)
    #expect(address(new, "c") == "240.240.0.2")
    #expect(address(new, "older") == "240.240.0.1")
    #expect(address(new, "b") == nil)
  }
}

@Suite struct HostnameTests {
  private func host(_ text: String) -> Hostname { Hostname(valid: text) }

  @Test(arguments: [
    ("*.a.com", "x.a.com", true), ("x.a.com", "*.a.com", true), ("*.a.com", "*.com", true),
    ("*.com", "*.a.com", true), ("*", "a", true), ("a.com", "b.com", false),
    ("*.a.com", "a.com", false), ("*.a.com", "*.b.com", false),
  ])
  func matches(left: String, right: String, expected: Bool) {
    #expect(host(left).matches(host(right)) == expected)
  }

  @Test func sortsBySpecificity() {
    let sorted = ["*", "*.com", "b.com", "a.com", "*.a.com", "x.a.com"].map(host)
      .sorted { $0.isMoreSpecific(than: $1) }
    #expect(sorted.map(\.text) == ["x.a.com", "a.com", "b.com", "*.a.com", "*.com", "*"])
  }

  @Test(arguments: ["a", "a.b-c.com", "*.a", "*", "a.com.", "_x.y", "*-a.b"])
  func reads(text: String) { #expect(Hostname(text)?.text == text) }

  @Test(arguments: ["", "a..b", "a b", ".a", "a.*", "ä.com"])
  func refuses(text: String) { #expect(Hostname(text) == nil) }
}
