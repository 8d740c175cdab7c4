// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import ServiceDiscovery
import Testing

/// Addresses by a hash of names, as istiod gave them before a controller did.
struct HashedAllocationTests {
  private func addresses(
    _ hosts: [String], namespace: String = "a", resolution: String = "DNS",
    addresses: JSONValue = []
  ) -> [[String]] {
    var settings = RegistrySettings()
    settings.allocatesByHash = true
    let entries = hosts.enumerated().map { index, host in
      serviceEntry(
        "entry-\(index)", namespace, age: hosts.count - index,
        spec: [
          "hosts": [.string(host)], "addresses": addresses, "resolution": .string(resolution),
          "ports": [["name": "http", "number": 80, "protocol": "HTTP"]],
        ])
    }
    var all = DiscoveryTables()
    for case let (object?, _) in entries.map({ ConfigurationObject.decode($0) }) {
      all.insert(object)
    }
    let made = registry(all, settings: settings)
    return hosts.map { host in
      made.service(ServiceKey(Hostname(valid: host), namespace: namespace))?.autoAllocated ?? []
    }
  }

  @Test func `a name has the same place everywhere`() {
    #expect(
      addresses(["x.com", "y.com"]) == [
        ["240.240.247.244", "2001:2::f0f0:f7f4"], ["240.240.112.228", "2001:2::f0f0:70e4"],
      ])
    #expect(addresses(["x.com"], namespace: "b") == [["240.240.62.152", "2001:2::f0f0:3e98"]])
  }

  @Test func `of two names at one place the younger moves on`() {
    #expect(
      addresses(["h716.com", "h1601.com"]) == [
        ["240.240.171.200", "2001:2::f0f0:abc8"], ["240.240.230.74", "2001:2::f0f0:e64a"],
      ])
  }

  @Test func `no address ends in 0 or 255`() {
    #expect(addresses(["g264.com"]) == [["240.240.142.1", "2001:2::f0f0:8e1"]])
  }

  @Test func `one host in two entries has one address`() {
    #expect(addresses(["x.com", "x.com"])[0] == ["240.240.247.244", "2001:2::f0f0:f7f4"])
  }

  @Test func `wildcards, entries without resolution and those with addresses get none`() {
    #expect(addresses(["*.com"], resolution: "STATIC") == [[]])
    #expect(addresses(["x.com"], resolution: "NONE") == [[]])
    #expect(addresses(["x.com"], addresses: ["10.0.0.1"]) == [[]])
  }
}
