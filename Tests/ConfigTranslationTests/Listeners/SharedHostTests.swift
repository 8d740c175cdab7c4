// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import EnvoyAPI
import Testing

/// What several objects for one host are to a proxy.
struct SharedHostTests {
  private static let server = "server.default.svc.cluster.local"

  private func entry(_ name: String, day: Int, host: String, _ rest: String) -> String {
    """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: \(name), namespace: default, creationTimestamp: "2026-01-0\(day)T00:00:00Z"}
    spec: {hosts: [\(host)], \(rest)}
    ---

    """
  }

  @Test func portsOfAYoungerEntryAreListenedOn() {
    let context = ListenerWorld(
      entry(
        "young", day: 2, host: "a.example.com",
        "ports: [{number: 80, name: http, protocol: HTTP}, {number: 81, name: b, protocol: HTTP}],"
          + " resolution: STATIC")

        + entry(
          "old", day: 1, host: "a.example.com",
          "ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS"
        )
    ).context()
    let request = Connection(address: "192.0.2.1", port: 81, alpn: "http/1.1")
    #expect(context.listeners().outbound(request) == "routes 81")
    #expect(
      context.route("81")?.answer(Request(host: "a.example.com")) == "outbound|81||a.example.com")
    // The clusters are those of the older entry alone: the two are resolved differently.
    #expect(context.clusters().map(\.name).contains("outbound|80||a.example.com"))
    #expect(!context.clusters().map(\.name).contains("outbound|81||a.example.com"))
  }

  @Test func equalEntriesAddTheirPorts() {
    let context = ListenerWorld(
      entry(
        "old", day: 1, host: "a.example.com",
        "ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS"
      )
        + entry(
          "young", day: 2, host: "a.example.com",
          "ports: [{number: 81, name: b, protocol: HTTP}], resolution: DNS"
        )
    ).context()
    #expect(context.clusters().map(\.name).contains("outbound|81||a.example.com"))
  }

  @Test func anEntryOverAKubernetesServiceGivesItsAddress() {
    let context = ListenerWorld(
      entry(
        "over", day: 1, host: Self.server,
        "addresses: [240.3.3.3], ports: [{number: 80, name: http, protocol: HTTP}],"
          + " resolution: STATIC, endpoints: [{address: 203.0.113.7}]"
      )
    ).context()
    let ask = { context.route("80")?.answer(Request(host: $0)) }
    #expect(ask("240.3.3.3") == "outbound|80||\(Self.server)")
    #expect(ask("10.1.0.2") == "PassthroughCluster")
    #expect(ask(Self.server) == "outbound|80||\(Self.server)")
  }
}
