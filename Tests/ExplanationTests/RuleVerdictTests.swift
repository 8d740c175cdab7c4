// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import Testing

@testable import Explanation

/// Why rules for a host do not apply.
struct RuleVerdictTests {
  private func virtualService(
    _ name: String, _ spec: String, age: Int = 5, namespace: String = "default"
  )
    -> String
  {
    """
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {name: \(name), namespace: \(namespace), creationTimestamp: '2026-01-0\(age)T00:00:00Z'}
    spec: {\(spec)}
    ---

    """
  }

  private func destinationRule(_ name: String, _ spec: String, namespace: String = "default")
    -> String
  {
    """
    apiVersion: networking.istio.io/v1
    kind: DestinationRule
    metadata: {name: \(name), namespace: \(namespace)}
    spec: {\(spec)}
    ---

    """
  }

  private func reasons(
    _ objects: String, _ url: String = "http://server/", namespace: String = "default"
  ) throws -> [String: String] {
    let context = try SmallMesh(objects).context(namespace: namespace)
    let explained = ExplainedRequest(try TrafficRequest(url), at: context)
    return Dictionary(
      explained.rules.map { ($0.object.name, $0.applies ? "+ \($0.reason)" : $0.reason) }
    ) { first, _ in first }
  }

  @Test func virtualServicesThatDoNotApply() throws {
    let route = "http: [{route: [{destination: {host: server}}]}]"
    let host = SmallMesh.host
    let reasons = try reasons(
      virtualService("taken", "hosts: [server], \(route)", age: 1)
        + virtualService("late", "hosts: [server], \(route)", age: 2)
        + virtualService("gateway", "hosts: [server], gateways: [gw], \(route)")
        + virtualService("private", "hosts: [\(host)], exportTo: [.], \(route)", namespace: "far")
        + virtualService("wide", "hosts: ['*.svc.cluster.local'], \(route)")
        + virtualService("elsewhere", "hosts: [other], \(route)")
        + virtualService(
          "labels",
          "hosts: [server], http: [{match: [{sourceLabels: {app: a}}], directResponse: {status: 200}}]"
        )
        + virtualService("tcp", "hosts: [server], tcp: [{route: [{destination: {host: server}}]}]"))
    #expect(
      reasons == [
        "taken": "+ one of its routes is taken",
        "late": "hosts: \(host) is taken by VirtualService default/taken, which comes first",
        "gateway":
          "gateways: it is bound to default/gw, not to mesh, so it is not for sidecars",
        "private": "exportTo: it is for far, and the proxy is in default",
        "wide": "hosts: VirtualService default/taken is for the host more closely",
        "labels": "http[0].match[0].sourceLabels: it is for clients with app=a",
        "tcp": "http: it has no http routes",
      ])
  }

  @Test func destinationRulesThatDoNotApply() throws {
    let host = SmallMesh.host
    let reasons = try reasons(
      destinationRule("mine", "host: \(host)", namespace: "client")
        + destinationRule("services", "host: server")
        + destinationRule("third", "host: \(host)", namespace: "third")
        + destinationRule("hidden", "host: server, exportTo: [.]")
        + destinationRule("wide", "host: '*.svc.cluster.local'", namespace: "client")
        + destinationRule(
          "selecting", "host: \(host), workloadSelector: {matchLabels: {app: a}}",
          namespace: "client"), "http://server.default/", namespace: "client")
    #expect(
      reasons == [
        "mine": "+ its policy is the cluster's",
        "services": "DestinationRule client/mine comes first: rules are looked for in the client's "
          + "namespace, then the service's, then the root namespace",
        "third": "rules count that are in the client's namespace, the service's or the root "
          + "namespace; it is in third",
        "hidden": "exportTo: it is for default, and the proxy is in client",
        "wide": "host: DestinationRule client/mine is for \(host), which is more specific",
        "selecting": "workloadSelector: it is for clients with app=a",
      ])
  }

  @Test func rulesOfGateways() throws {
    let objects =
      """
      apiVersion: networking.istio.io/v1
      kind: Gateway
      metadata: {name: gw, namespace: default}
      spec:
        selector: {istio: gateway}
        servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example.com]}]
      ---

      """
      + virtualService(
        "served", "hosts: [a.example.com], gateways: [gw], http: [{directResponse: {status: 200}}]")
      + virtualService("mesh", "hosts: [a.example.com], http: [{directResponse: {status: 200}}]")
      + virtualService(
        "lost", "hosts: [a.example.com], gateways: [no], http: [{directResponse: {status: 200}}]")
    let explained = ExplainedRequest(
      try TrafficRequest("http://a.example.com/"), at: try SmallMesh(objects).gateway)
    let reasons = Dictionary(explained.rules.map { ($0.object.name, $0.reason) }) { first, _ in
      first
    }
    #expect(
      reasons == [
        "served": "one of its routes is taken",
        "mesh": "gateways: it is bound to mesh, and the proxy serves default/gw",
        "lost": "gateways: there is no Gateway default/no",
      ])
  }
}
