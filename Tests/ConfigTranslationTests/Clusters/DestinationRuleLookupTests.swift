// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import EnvoyAPI
import JSON
import MeshModel
import Testing

/// Which DestinationRules a client finds, and what becomes of several for one host.
struct DestinationRuleLookupTests {
  private static let name = ClusterTests.name

  /// A rule for `web`; of a later day is younger.
  private func rule(
    _ name: String, day: Int = 1, namespace: String = "default", _ spec: String
  ) -> String {
    """
    apiVersion: networking.istio.io/v1
    kind: DestinationRule
    metadata: {name: \(name), namespace: \(namespace), creationTimestamp: '2026-01-0\(day)T00:00:00Z'}
    spec: {host: web.default.svc.cluster.local, \(spec)}
    """
  }

  /// The rule that a client of a namespace finds for `web`, and the subsets that it has.
  private func found(
    _ rules: String..., from namespace: String = "default", address: String = "10.0.0.1",
    settings: MeshSettings = MeshSettings()
  ) throws -> (rule: String?, subsets: [String]) {
    let objects = ([ClusterTests.pods, ClusterTests.web] + rules).joined(separator: "\n---\n")
    let mesh = ClusterMesh(objects, settings: settings)
    let node = try #require(
      ProxyNode(
        id: "sidecar~\(address)~pod.\(namespace)~\(namespace).svc.cluster.local",
        metadata: JSONObject(distinct: [.init("ISTIO_VERSION", "1.30.3")])))
    let context = ProxyContext(mesh.mesh, node: node, cache: mesh.cache)
    let source = context.cluster(Self.name)[path: "metadata/filter_metadata/istio/config"].string
    let subsets = context.clusters().map(\.name).filter { $0.hasPrefix("outbound|80|") }
      .map { String($0.split(separator: "|", omittingEmptySubsequences: false)[2]) }
    return (source?.split(separator: "/").last.map(String.init), subsets.filter { !$0.isEmpty })
  }

  @Test func aRuleForOtherNamespacesIsNotForItsOwn() throws {
    let far = rule("far", "exportTo: [far], trafficPolicy: {loadBalancer: {simple: RANDOM}}")
    #expect(try found(far).rule == nil)
    #expect(try found(far, from: "far", address: "10.9.9.9").rule == "far")
    #expect(try found(far, from: "near", address: "10.9.9.9").rule == nil)
  }

  @Test func aRuleForSelectedWorkloadsHidesNoOtherFromStrangers() throws {
    let selective = rule("some", "workloadSelector: {matchLabels: {version: v1}}")
    let root = rule("root", namespace: "istio-system", "subsets: [{name: r}]")
    #expect(try found(selective, root).rule == "some")
    #expect(try found(selective, root, from: "far", address: "10.9.9.9").rule == "root")
    // Of the namespace, but not selected: the namespace's rules end the search all the same.
    #expect(try found(selective, root, address: "10.0.0.2").rule == nil)
  }

  @Test func rulesForAllAndForSelectedWorkloadsStayApart() throws {
    let selective = rule("some", day: 2, "workloadSelector: {matchLabels: {version: v1}}")
    let general = rule("all", "subsets: [{name: v1, labels: {version: v1}}]")
    let selected = try found(selective, general)
    #expect(selected.rule == "some" && selected.subsets == [])
    let other = try found(selective, general, address: "10.0.0.2")
    #expect(other.rule == "all" && other.subsets == ["v1"])
  }

  @Test func aPrivateRuleForAllGoesIntoTheOneForSelectedWorkloads() throws {
    let selective = rule("some", "workloadSelector: {matchLabels: {version: v1}}")
    let general = rule("all", "exportTo: ['.'], subsets: [{name: v1, labels: {version: v1}}]")
    let selected = try found(selective, general)
    #expect(selected.rule == "some" && selected.subsets == ["v1"])
    #expect(try found(selective, general, address: "10.0.0.2").rule == nil)
  }

  @Test func aThirdRuleStandsAloneBehindOneOfAnotherVisibility() throws {
    let rules = [
      rule("a", day: 1, "subsets: [{name: a}]"),
      rule("b", day: 2, "exportTo: ['.'], subsets: [{name: b}]"),
      rule("c", day: 3, "subsets: [{name: c}]"),
    ]
    let all = try found(rules[0], rules[1], rules[2])
    #expect(all.rule == "c" && all.subsets == ["c"])
    let two = try found(rules[0], rules[2])
    #expect(two.rule == "a" && two.subsets == ["a", "c"])
  }

  @Test func theMeshCanMakeRulesPrivateButNotNameTheirReaders() throws {
    var settings = MeshSettings()
    settings.mesh.defaultDestinationRuleExportTo = ["."]
    let plain = rule("plain", "subsets: [{name: v1}]")
    #expect(try found(plain, settings: settings).rule == "plain")
    #expect(try found(plain, from: "far", address: "10.9.9.9", settings: settings).rule == nil)
    settings.mesh.defaultDestinationRuleExportTo = ["near"]
    #expect(try found(plain, from: "far", address: "10.9.9.9", settings: settings).rule == "plain")
  }

  @Test func aRuleForNobodyHidesWiderOnes() throws {
    let nobody = rule("nobody", "exportTo: ['~']")
    let wide = """
      apiVersion: networking.istio.io/v1
      kind: DestinationRule
      metadata: {name: wide, namespace: default}
      spec: {host: '*.default.svc.cluster.local', subsets: [{name: w}]}
      """
    #expect(try found(wide, from: "far", address: "10.9.9.9").rule == "wide")
    #expect(try found(nobody, wide, from: "far", address: "10.9.9.9").rule == nil)
    #expect(try found(nobody, wide).rule == "wide")
  }
}
