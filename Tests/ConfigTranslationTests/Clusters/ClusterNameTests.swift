// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Testing

struct ClusterNameTests {
  static let names = [
    ClusterName(.outbound, port: 80, host: "reviews.default.svc.cluster.local"),
    ClusterName(.outbound, port: 9080, subset: "v1", host: "reviews.default.svc.cluster.local"),
    ClusterName(.outbound, port: 443, subset: "a-b", host: "*.example.com"),
    ClusterName(.outbound, port: 1, host: "under_score._tcp.example.com"),
    ClusterName(.inbound, port: 8080),
    ClusterName(.outbound, port: 65535, host: ""),
  ]

  @Test(arguments: names) func readsWhatItWrites(_ name: ClusterName) {
    #expect(ClusterName(name.description) == name)
    #expect(ClusterName(name.serverName) == name)
  }

  @Test func writesIstiosForms() {
    let name = ClusterName(.outbound, port: 80, subset: "v1", host: "a.b")
    #expect(name.description == "outbound|80|v1|a.b")
    #expect(name.serverName == "outbound_.80_.v1_.a.b")
    #expect(ClusterName(.inbound, port: 80).description == "inbound|80||")
  }

  @Test(arguments: [
    "", "BlackHoleCluster", "PassthroughCluster", "outbound|80|", "outbound|x||a", "up|80||a",
    "outbound|80||a|b", "outbound|-1||a", "outbound|4294967296||a", "outbound_.80_.a",
  ]) func refusesOtherNames(_ text: String) {
    #expect(ClusterName(text) == nil)
  }
}
