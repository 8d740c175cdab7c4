// SPDX-License-Identifier: Apache-2.0

import Bytes
import Configuration
import MeshModel
import Testing
import YAML

@testable import Analysis

/// What is said of objects, with its field.
struct FindingTests {
  private func findings(_ text: String) throws -> [Finding] {
    let documents = YAML.documents(in: [UInt8](text.utf8), limits: YAMLLimits()).documents
    var transaction = SourceTransaction()
    for document in documents {
      let reading = SourcedObject.read(
        document.value, strictness: .lenient, origin: ObjectOrigin()
      ) { _ in nil }
      if case .object(let object) = reading { transaction.upserts.append(object) }
    }
    var store = MeshStore(settings: MeshSettings())
    _ = store.apply(transaction, at: 0)
    let judge = CertificateJudge { $0 == [UInt8]("good".utf8) ? nil : "it is bad" }
    return try #require(store.snapshot).findings(certificates: judge)
  }

  private let service = """
    apiVersion: v1
    kind: Service
    metadata: {name: web, namespace: default}
    spec:
      clusterIP: 10.1.0.1
      ports: [{name: http, port: 80}, {name: admin, port: 81}]
      selector: {app: web}
    ---

    """

  @Test func destinationsAreNamedByField() throws {
    let found = try findings(
      service + """
        apiVersion: networking.istio.io/v1
        kind: VirtualService
        metadata: {name: web, namespace: default}
        spec:
          hosts: [web]
          gateways: [gone]
          http:
          - match: [{uri: {prefix: /a}}]
            route: [{destination: {host: nowhere}}]
          - route:
            - {destination: {host: web, subset: v9, port: {number: 80}}, weight: 50}
            - {destination: {host: web, port: {number: 99}}, weight: 50}
          - route: [{destination: {host: web, port: {number: 80}}}]
        """)
    #expect(
      found.filter { $0.object.name == "web" && $0.object.kind == Istio.VirtualService.kind }
        .map { "\($0.message.code) \($0.field)" }.sorted() == [
          "IST0101 spec.gateways[0]", "IST0101 spec.http[0].route[0].destination.host",
          "IST0101 spec.http[1].route[0].destination.subset",
          "IST0101 spec.http[1].route[1].destination.port", "IST0130 spec.http[2]",
          "IST0132 spec.gateways[0]",
        ])
    #expect(
      found.first { $0.field.hasPrefix("spec.http[0].route") }?.description
        == #"Error [IST0101] (VirtualService default/web) Referenced host not found: "nowhere""#)
  }

  @Test func aMatchThatIsNarrowerInAnotherWayIsNotCovered() throws {
    let found = try findings(
      service + """
        apiVersion: networking.istio.io/v1
        kind: VirtualService
        metadata: {name: web, namespace: default}
        spec:
          hosts: [web]
          http:
          - match: [{uri: {prefix: /a}, headers: {x: {exact: y}}}]
            route: [{destination: {host: web, port: {number: 80}}}]
          - match: [{uri: {prefix: /a/b}}]
            route: [{destination: {host: web, port: {number: 80}}}]
          - match: [{uri: {prefix: /a/b/c}, headers: {z: {exact: y}}}]
            route: [{destination: {host: web, port: {number: 80}}}]
        """)
    #expect(
      found.filter { $0.message == .ineffectiveMatch }.map(\.field) == ["spec.http[2].match[0]"])
  }

  @Test func subsetsOfOneNameAndRulesForNoService() throws {
    let rule = { (name: String, host: String) in
      """
      apiVersion: networking.istio.io/v1
      kind: DestinationRule
      metadata: {name: \(name), namespace: default}
      spec: {host: \(host), subsets: [{name: v1, labels: {version: v1}}]}
      ---

      """
    }
    let found = try findings(service + rule("a", "web") + rule("b", "web") + rule("c", "none"))
    let said = found.filter { $0.object.kind == Istio.DestinationRule.kind }
      .map { "\($0.message.code) \($0.object.name) \($0.field)" }
    #expect(
      said == [
        "IST0173 a spec.subsets[0].labels", "IST0173 b spec.subsets[0].labels",
        "NAV0001 b spec.subsets[0].name", "IST0174 c spec.host",
      ])
  }

  @Test func aSoundMeshHasNothingToBeSaid() throws {
    #expect(try findings(service).map(\.message.code) == ["IST0118"])
    #expect(try findings(service.replacing("admin", with: "http-admin")).isEmpty)
  }

  @Test func levelsAreOrdered() {
    #expect(AnalysisMessage.Level.allCases == [.info, .warning, .error].sorted())
  }

  @Test func `credentials that cannot be served are named by field`() throws {
    let found = try findings(
      """
      apiVersion: v1
      kind: Pod
      metadata: {name: gw, namespace: default, labels: {app: gw}}
      spec: {containers: [{name: istio-proxy}]}
      ---
      apiVersion: v1
      kind: Secret
      metadata: {name: good, namespace: default}
      stringData: {tls.crt: good, tls.key: key}
      ---
      apiVersion: v1
      kind: Secret
      metadata: {name: bad, namespace: default}
      stringData: {cert: bad, key: key}
      ---
      apiVersion: v1
      kind: Secret
      metadata: {name: half, namespace: default}
      stringData: {tls.crt: good}
      ---
      apiVersion: networking.istio.io/v1
      kind: Gateway
      metadata: {name: gw, namespace: default}
      spec:
        selector: {app: gw}
        servers:
        - port: {number: 443, name: a, protocol: HTTPS}
          hosts: [a.com]
          tls: {mode: SIMPLE, credentialNames: [good, bad]}
        - port: {number: 444, name: b, protocol: HTTPS}
          hosts: [b.com]
          tls: {mode: SIMPLE, credentialName: half}
      """
    ).filter { $0.message == .badCredential }
    #expect(
      found.map(\.field) == [
        "spec.servers[0].tls.credentialNames[1]", "spec.servers[1].tls.credentialName",
      ])
    #expect(found.first?.text.hasSuffix("as expected: cert: it is bad.") == true)
  }
}
