// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import LeaderElection
import ServiceDiscovery
import Testing

@testable import ClusterWriters

@Suite("Addresses of ServiceEntries")
struct EntryAddressTests {
  static func entry(
    _ name: String, created: Int, hosts: [String] = [], addresses: [String] = [],
    status: [String: String] = [:], label: String? = nil
  ) throws -> ConfigObject<Istio.ServiceEntry> {
    let hosts = hosts.isEmpty ? ["\(name).example"] : hosts
    let labels: JSONValue =
      label.map { ["networking.istio.io/enable-autoallocate-ip": .string($0)] } ?? [:]
    let value: JSONValue = [
      "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
      "metadata": [
        "name": .string(name), "namespace": "default", "labels": labels,
        "creationTimestamp": .string("2026-01-01T00:00:0\(created)Z"),
      ],
      "spec": [
        "hosts": .array(hosts.map(JSONValue.string)), "resolution": "DNS",
        "addresses": .array(addresses.map(JSONValue.string)),
        "ports": [["number": 80, "name": "http", "protocol": "HTTP"]],
      ],
      "status": [
        "addresses": .array(
          status.sorted { $0.key < $1.key }.map {
            ["host": .string($0.key), "value": .string($0.value)]
          })
      ],
    ]
    let object = ConfigurationObject.decode(value).object
    guard case .serviceEntry(let entry)? = object else { throw NotAnEntry() }
    return entry
  }

  struct NotAnEntry: Error {}

  @Test(
    "each host gets an address of both families, the oldest entry first, and then nothing is due")
  func given() throws {
    let entries = [try Self.entry("new", created: 2), try Self.entry("old", created: 1)]
    let plan = EntryAddressWriter.plan(entries, .init())
    #expect(plan["default/old"]?.given.first?.addresses == ["240.240.0.1", "2001:2::1"])
    #expect(plan["default/new"]?.given.first?.addresses == ["240.240.0.2", "2001:2::2"])
    let after = try #require(plan["default/old"]?.after)
    #expect(after == ["old.example": ["240.240.0.1", "2001:2::1"]])
  }

  @Test("what an entry has it keeps, and of two with one address the older does")
  func conflict() throws {
    let entries = [
      try Self.entry("a", created: 1, status: ["a.example": "240.240.0.7"]),
      try Self.entry("b", created: 2, status: ["b.example": "240.240.0.7"]),
      try Self.entry("c", created: 3, addresses: ["240.240.0.1"]),
      try Self.entry("d", created: 4, status: ["d.example": "240.240.0.1"]),
    ]
    let plan = EntryAddressWriter.plan(entries, .init())
    #expect(Set(plan.keys) == ["default/b", "default/d"])
    #expect(plan["default/b"]?.given.first?.addresses.first == "240.240.0.2")
    #expect(plan["default/d"]?.given.first?.addresses.first == "240.240.0.3")
  }

  @Test("a new host is added without moving the others")
  func grown() throws {
    let entry = try Self.entry(
      "a", created: 1, hosts: ["a.example", "b.example"], status: ["b.example": "240.240.0.1"])
    let given = EntryAddressWriter.plan([entry], .init())["default/a"]?.given
    #expect(given?.map(\.host) == ["a.example", "b.example"])
    #expect(given?.last?.addresses == ["240.240.0.1"])
    #expect(given?.first?.addresses.first == "240.240.0.2")
  }

  @Test("an entry that wants none any more loses what it has")
  func optedOut() throws {
    let entry = try Self.entry(
      "a", created: 1, status: ["a.example": "240.240.0.1"], label: "False")
    let plan = EntryAddressWriter.plan([entry], .init())
    #expect(plan["default/a"]?.given.isEmpty == true)
    let none = EntryAddressWriter.plan([try Self.entry("a", created: 1, label: "false")], .init())
    #expect(none.isEmpty)
  }

  @Test("replicas that only read agree, whatever they saw before")
  func reading() throws {
    let entry = try Self.entry("a", created: 1, status: ["a.example": "240.240.0.9"])
    let other = try Self.entry("b", created: 2)
    let read = AddressAllocation(entries: [entry, other], ranges: .reportedOnly)
    #expect(
      read.addresses(of: .init(namespace: "default", entry: "a", host: "a.example"))
        == ["240.240.0.9"])
    #expect(
      read.addresses(of: .init(namespace: "default", entry: "b", host: "b.example")).isEmpty)
  }
}

@Suite("Writes that fail")
struct WriteRetriesTests {
  @Test("are tried again later and later, and forgotten once they are not due")
  func retries() {
    var retries = WriteRetries()
    #expect(retries.isDue("a", at: .zero) && retries.deadline == nil)
    retries.failed("a", at: .zero, chance: 0)
    #expect(!retries.isDue("a", at: .milliseconds(499)) && retries.isDue("b", at: .zero))
    #expect(retries.deadline == .milliseconds(500))
    retries.failed("a", at: .milliseconds(500), chance: 0)
    #expect(retries.deadline == .milliseconds(1500))
    for _ in 0..<20 { retries.failed("a", at: .zero, chance: 0) }
    #expect(retries.deadline == .seconds(60))
    retries.keep(["b"])
    #expect(retries.deadline == nil)
  }
}

@Suite("Reports of an election")
struct SaidOnceTests {
  @Test("a failure is said once, until its reason changes or somebody leads")
  func once() {
    let said = SaidOnce()
    let failing = Election.Report.failing(lock: "a", reason: "403")
    #expect(said.isNew(failing) && !said.isNew(failing))
    #expect(said.isNew(.failing(lock: "b", reason: "403")))
    #expect(said.isNew(.failing(lock: "a", reason: "500")))
    #expect(said.isNew(.leads) && said.isNew(.follows("x")) && said.isNew(failing))
  }
}

@Suite("Root certificates of namespaces")
struct RootCertificateTests {
  @Test("the entry and the label are set, and nothing else is touched")
  func merged() {
    let found: JSONValue = [
      "metadata": ["name": "istio-ca-root-cert", "labels": ["team": "a"], "resourceVersion": "7"],
      "data": ["root-cert.pem": "old", "more": "stays"],
    ]
    let object = RootCertificateWriter.object(found, "new")
    #expect(object["data"]?["root-cert.pem"] == "new" && object["data"]?["more"] == "stays")
    #expect(object["metadata"]?["labels"]?["istio.io/config"] == "true")
    #expect(object["metadata"]?["labels"]?["team"] == "a")
    #expect(object["metadata"]?["resourceVersion"] == "7")
    #expect(RootCertificateWriter.object(object, "new") == object)
  }
}
