// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import KubernetesSource
import Testing

@testable import ClusterWriters

@Suite("Messages of analyses")
struct AnalysisTests {
  private static let key = ObjectKey(
    kind: Istio.VirtualService.kind, namespace: "default", name: "a")
  private static let lost = AnalysisReport.Message(
    code: "IST0101", level: "ERROR", documentation: "https://istio.io/ist0101/")

  /// What is due where an object says `status`, of generation 3, and was analysed at `generation`.
  private static func due(
    _ messages: [AnalysisReport.Message], at generation: Int64? = 3, status: JSONValue,
    of key: ObjectKey = key
  ) -> AnalysisWriter.Plan? {
    let object: JSONValue = ["metadata": ["generation": 3], "status": status]
    let found = AnalysisWriter.Findings(messages: messages.isEmpty ? [:] : [key: messages]) { _ in
      generation
    }
    return AnalysisWriter.plans(found, [key: AnalysisReport(of: object)])[key.description]
  }

  /// A status with one message, of a generation as it is written.
  private static func status(_ generation: JSONValue) -> JSONValue {
    ["observedGeneration": generation, "validationMessages": [lost.json]]
  }

  @Test("are due where the status says others, or speaks of another generation")
  func different() {
    #expect(Self.due([Self.lost], status: nil)?.messages == [Self.lost])
    #expect(Self.due([Self.lost, Self.lost], status: Self.status("3"))?.messages.count == 2)
    #expect(Self.due([Self.lost], status: Self.status("2"))?.generation == 3)
    #expect(Self.due([], status: Self.status("3"))?.messages == [])
  }

  @Test("are not due where the status says them, whichever way a number is written")
  func same() {
    #expect(Self.due([Self.lost], status: Self.status("3")) == nil)
    #expect(Self.due([Self.lost], status: Self.status(3)) == nil)
    #expect(Self.due([], status: ["observedGeneration": "1"]) == nil)
    #expect(Self.due([], status: nil) == nil)
  }

  @Test("are not due of what is not analysed here, is another by now, or is none of Istio's")
  func foreign() {
    #expect(Self.due([], at: nil, status: Self.status("3")) == nil)
    #expect(Self.due([Self.lost], at: 2, status: nil) == nil)
    let service = ObjectKey(kind: Kubernetes.Service.kind, namespace: "default", name: "a")
    #expect(Self.due([Self.lost], status: nil, of: service) == nil)
  }

  @Test("are read as they are written, without a page where there is none")
  func form() {
    #expect(
      Self.lost.json == [
        "type": ["code": "IST0101"], "level": "ERROR",
        "documentationUrl": "https://istio.io/ist0101/",
      ])
    let own = AnalysisReport.Message(code: "NAV0001", level: "WARNING", documentation: "")
    #expect(own.json["documentationUrl"] == nil)
    let object: JSONValue = ["status": ["validationMessages": [own.json]]]
    #expect(AnalysisReport(of: object).messages == [own])
  }
}
