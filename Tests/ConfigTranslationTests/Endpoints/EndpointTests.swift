// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import EnvoyAPI
import JSON
import MeshModel
import Testing

struct EndpointTests {
  static let places = ["r1/z1", "r1/z2", "r2/z3", "r3/z4"]
  static let mesh = places.enumerated().map { index, place in
    ClusterMesh.pod(
      "web-\(index)", "10.0.0.\(index + 1)", labels: "app: web, version: v\(index)", zone: place)
  }.joined(separator: "\n---\n")
  static let web = ClusterMesh.web((0..<4).map { ("web-\($0)", "10.0.0.\($0 + 1)") })
  static let name = "outbound|80||web.default.svc.cluster.local"
  static let ejects = "outlierDetection: {consecutive5xxErrors: 3}"

  /// Priority and zone of each group, as a proxy in `r1/z1` is told.
  private func groups(_ rule: String) -> [String] {
    let assignment = ClusterMesh(Self.mesh, Self.web, rule).proxy().assignment(Self.name)
    return (assignment[path: "endpoints"].array ?? []).map { group in
      let priority = group[path: "priority"].integer ?? 0
      let weight = group[path: "load_balancing_weight"].integer ?? 0
      let count = group[path: "lb_endpoints"].array?.count ?? 0
      let zone = group[path: "locality/zone"].string ?? ""
      return "\(priority) \(zone) \(weight) of \(count)"
    }.sorted()
  }

  @Test func withoutOutlierDetectionAllPlacesAreEqual() {
    #expect(
      groups(ClusterMesh.rule("")) == ["0 z1 1 of 1", "0 z2 1 of 1", "0 z3 1 of 1", "0 z4 1 of 1"])
  }

  @Test func withOutlierDetectionNearerPlacesGoFirst() {
    let rule = ClusterMesh.rule("trafficPolicy: {\(Self.ejects)}")
    #expect(groups(rule) == ["0 z1 1 of 1", "1 z2 1 of 1", "2 z3 1 of 1", "2 z4 1 of 1"])
  }

  @Test func theNamedRegionGoesBeforeOthers() {
    let rule = ClusterMesh.rule(
      """
      trafficPolicy: {\(Self.ejects), loadBalancer: {localityLbSetting: {enabled: true,
        failover: [{from: r1, to: r3}]}}}
      """)
    #expect(groups(rule) == ["0 z1 1 of 1", "1 z2 1 of 1", "2 z4 1 of 1", "3 z3 1 of 1"])
  }

  @Test func weightsOfPlacesEmptyTheOthers() {
    let rule = ClusterMesh.rule(
      """
      trafficPolicy: {loadBalancer: {localityLbSetting: {enabled: true,
        distribute: [{from: "r1/*", to: {"r1/z1/*": 70, "r2/*": 30}}]}}}
      """)
    #expect(groups(rule) == ["0 z1 70 of 1", "0 z2 1 of 0", "0 z3 30 of 1", "0 z4 1 of 0"])
  }

  @Test func sharedLabelsGiveThePriority() {
    let rule = ClusterMesh.rule(
      """
      trafficPolicy: {\(Self.ejects), loadBalancer: {localityLbSetting: {enabled: true,
        failoverPriority: ["version=v2"]}}}
      """)
    #expect(groups(rule) == ["0 z3 1 of 1", "1 z1 1 of 1", "1 z2 1 of 1", "1 z4 1 of 1"])
  }

  @Test func aSubsetHasOnlyItsEndpoints() {
    let rule = ClusterMesh.rule("subsets: [{name: s, labels: {version: v1}}]")
    let context = ClusterMesh(Self.mesh, Self.web, rule).proxy()
    let subset = context.assignment("outbound|80|s|web.default.svc.cluster.local")
    let addresses = (subset[path: "endpoints"].array ?? []).map {
      $0[path: "lb_endpoints/0/endpoint/address/socket_address/address"]
    }
    #expect(addresses == ["10.0.0.2"])
  }

  @Test func aProxyThatWaitsIsAnswered() {
    let context = ClusterMesh(Self.mesh, Self.web).proxy()
    #expect(context.assignment("outbound|81||nobody.example")[path: "endpoints"] == .null)
    #expect(context.endpoints("outbound|81||nobody.example")?.name == "outbound|81||nobody.example")
    #expect(context.endpoints("inbound|80||") == nil)
    #expect(context.endpoints("xds-grpc") == nil)
  }

  @Test func proxiesInOtherPlacesShareWhatDoesNotDependOnPlaces() {
    let mesh = ClusterMesh(Self.mesh, Self.web)
    let one = mesh.proxy("10.0.0.1").endpoints(Self.name)
    let other = mesh.proxy("10.0.0.4").endpoints(Self.name)
    #expect(one === other)
    let ejecting = ClusterMesh(
      Self.mesh, Self.web, ClusterMesh.rule("trafficPolicy: {\(Self.ejects)}"))
    let near = ejecting.proxy("10.0.0.1").endpoints(Self.name)
    #expect(near?.digest != ejecting.proxy("10.0.0.4").endpoints(Self.name)?.digest)
  }
}
