// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import ServiceDiscovery
import Testing

struct AddressAllocationTests {
  private func entry(
    _ name: String, age: Int, status: JSONValue = [:], addresses: JSONValue = []
  ) throws -> ConfigObject<Istio.ServiceEntry> {
    var written = try #require(
      serviceEntry(
        name, age: age,
        spec: [
          "hosts": [.string(name)], "addresses": addresses, "resolution": "DNS",
          "ports": [["name": "http", "number": 80, "protocol": "HTTP"]],
        ]
      ).object)
    written["status"] = status
    let (object, diagnostics) = ConfigurationObject.decode(.object(written))
    guard case .serviceEntry(let entry)? = object else {
      throw ConfigError(at: FieldPath(), "\(diagnostics)")
    }
    return entry
  }

  private func addresses(_ allocation: AddressAllocation, _ name: String) -> [String] {
    allocation.addresses(of: .init(namespace: "a", entry: name, host: name))
  }

  @Test func placesThatEntriesDeclareAreLeftFree() throws {
    let allocation = AddressAllocation(entries: [
      try entry("b", age: 2),
      try entry("own", age: 1, addresses: ["240.240.0.1", "2001:2::2"]),
      try entry("c", age: 0),
    ])
    #expect(addresses(allocation, "b") == ["240.240.0.2", "2001:2::1"])
    #expect(addresses(allocation, "c") == ["240.240.0.3", "2001:2::3"])
    #expect(addresses(allocation, "own").isEmpty)
  }

  @Test func whatAStatusSaysIsKept() throws {
    let status: JSONValue = [
      "addresses": [
        ["host": "b", "value": "240.240.0.9"], ["host": "b", "value": "2001:2::9"],
        ["host": "gone", "value": "240.240.0.8"],
      ]
    ]
    let allocation = AddressAllocation(entries: [
      try entry("older", age: 2), try entry("b", age: 1, status: status),
      try entry("copy", age: 0, status: status),
    ])
    #expect(addresses(allocation, "b") == ["240.240.0.9", "2001:2::9"])
    #expect(addresses(allocation, "older") == ["240.240.0.1", "2001:2::1"])
  }

  @Test func anAddressIsNeverGivenTwice() throws {
    let status = { (host: JSONValue) -> JSONValue in
      ["addresses": [["host": host, "value": "240.240.0.1"]]]
    }
    let allocation = AddressAllocation(entries: [
      try entry("young", age: 0, status: status("young")),
      try entry("old", age: 1, status: status("old")),
    ])
    #expect(addresses(allocation, "old") == ["240.240.0.1"])
    #expect(addresses(allocation, "young") == ["240.240.0.2", "2001:2::1"])
  }

  @Test func aRangeEndsWhereItEnds() throws {
    let allocation = AddressAllocation(
      entries: [try entry("b", age: 2), try entry("c", age: 1), try entry("d", age: 0)],
      ranges: .init(ipv4: "10.9.0.0/31", ipv6: "fd00::/126"))
    #expect(addresses(allocation, "b") == ["10.9.0.1", "fd00::1"])
    #expect(addresses(allocation, "c") == ["fd00::2"])
    #expect(addresses(allocation, "d") == ["fd00::3"])
  }
}

struct WorkloadEntryTests {
  private func found(_ entry: JSONValue, settings: RegistrySettings = .init()) -> [String] {
    let declared = serviceEntry(
      "ext",
      spec: [
        "hosts": ["x.example.com"], "resolution": "STATIC",
        "workloadSelector": ["labels": ["app": "x"]],
        "ports": [["name": "http", "number": 80, "protocol": "HTTP"]],
      ])
    return endpointTexts(registry(tables(declared, entry), settings: settings), "x.example.com")
  }

  private func entry(status: JSONValue) throws -> JSONValue {
    var object = try #require(
      workloadEntry("w", spec: ["address": "2.2.2.2", "labels": ["app": "x"]]).object)
    var meta = try #require(object["metadata"]?.object)
    meta["annotations"] = ["proxy.istio.io/health-checks-enabled": "true"]
    object["metadata"] = .object(meta)
    object["status"] = status
    return .object(object)
  }

  @Test func oneWhoseHealthIsCheckedCountsOnceItIsHealthy() throws {
    let healthy: JSONValue = ["conditions": [["type": "Healthy", "status": "True"]]]
    let unhealthy: JSONValue = ["conditions": [["type": "Healthy", "status": "False"]]]
    #expect(found(try entry(status: healthy)) == ["2.2.2.2:80 http unknown"])
    #expect(found(try entry(status: unhealthy)).isEmpty)
    #expect(found(try entry(status: [:])).isEmpty)
    var settings = RegistrySettings()
    settings.heedsHealthChecks = false
    #expect(found(try entry(status: unhealthy), settings: settings).count == 1)
  }

  @Test func aNetworkThatItDoesNotNameIsNone() throws {
    var settings = RegistrySettings()
    settings.clusterNetwork = "net-a"
    let registry = registry(
      tables(
        serviceEntry(
          "ext",
          spec: [
            "hosts": ["x.example.com"], "resolution": "STATIC",
            "ports": [["name": "http", "number": 80, "protocol": "HTTP"]],
            "endpoints": [["address": "2.2.2.2"], ["address": "2.2.2.3", "network": "net-b"]],
          ])), settings: settings)
    let facts = registry.endpointsByService.values.flatMap { $0 }.map(\.workload.facts)
    #expect(facts.map(\.network) == ["", "net-b"])
    #expect(facts.map { $0.labels["topology.istio.io/network"] } == ["net-a", "net-b"])
  }
}
