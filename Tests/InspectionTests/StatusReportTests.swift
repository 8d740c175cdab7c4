// SPDX-License-Identifier: Apache-2.0

import Inspection
import JSON
import Testing

struct StatusReportTests {
  private let page: JSONValue = [
    [
      "proxy": "reviews-v1.default", "cluster_id": "Kubernetes", "istio_version": "1.30.3",
      "resources": [
        "type.googleapis.com/envoy.config.route.v3.RouteConfiguration": ["status": "STALE"],
        "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret": [
          "status": "SYNCED"
        ],
        "type.googleapis.com/envoy.config.cluster.v3.Cluster": ["status": "NOT_SENT"],
      ],
    ],
    ["proxy": "details-v1.default", "cluster_id": "Kubernetes", "istio_version": ""],
  ]

  @Test func proxiesAreListedWithTheTypesTheyAskedFor() throws {
    let report = try SyncReport(page, identity: "istiod-0")
    #expect(
      report.table.rows == [
        ["details-v1.default", "Kubernetes", "istiod-0", "", "0 ()"],
        ["reviews-v1.default", "Kubernetes", "istiod-0", "1.30.3", "3 (CDS,RDS,SDS)"],
      ])
    #expect(
      report.longTable.header
        == ["NAME", "CLUSTER", "CDS", "LDS", "EDS", "RDS", "ECDS", "ISTIOD", "VERSION"])
    #expect(
      report.longTable.rows[1] == [
        "reviews-v1.default", "Kubernetes", "NOT SENT", "IGNORED", "IGNORED", "STALE", "IGNORED",
        "istiod-0", "1.30.3",
      ])
    #expect(report.versions.map { "\($0.version) \($0.count)" } == ["1.30.3 1", "unknown 1"])
    #expect(throws: DumpError.self) { try SyncReport(["a": 1], identity: "") }
  }

  @Test func equalDumpsMatchWhateverTheirOrderAndVersions() throws {
    let other = try SampleDump.dump { $0.replacing("\"version_info\": \"1\", ", with: "") }
    let text = DumpComparison.text(served: try SampleDump.dump(), proxy: other)
    #expect(text == "Clusters Match\nListeners Match\nRoutes Match\n")
  }

  @Test func whatDiffersIsShownAsAUnifiedDifference() throws {
    let other = try SampleDump.dump {
      $0.replacing("\"type\": \"ORIGINAL_DST\"", with: "\"type\": \"EDS\"")
    }
    let lines = DumpComparison.text(served: try SampleDump.dump(), proxy: other)
      .split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0] == "Clusters Don't Match")
    #expect(lines[1...2] == ["--- Istiod Clusters", "+++ Envoy Clusters"])
    #expect(lines[3] == "@@ -1,13 +1,13 @@")
    #expect(lines.contains("-    \"type\": \"ORIGINAL_DST\""))
    #expect(lines.contains("+    \"type\": \"EDS\""))
    #expect(lines.suffix(3) == ["Listeners Match", "Routes Match", ""])
  }

  @Test func anExplanationIsToldInSteps() {
    let page: JSONValue = [
      "outcome": "cluster outbound|9080||reviews",
      "steps": [
        [
          "kind": "route", "name": "default", "details": ["prefix /"],
          "objects": [["kind": "VirtualService", "namespace": "default", "name": "reviews"]],
          "passedOver": [["name": "jason", "reason": "header end-user is not jason"]],
        ]
      ],
      "rules": [
        [
          "object": ["kind": "VirtualService", "namespace": "default", "name": "reviews"],
          "applies": true, "reason": "it is for this host",
        ]
      ],
    ]
    #expect(
      ExplanationReport(page).text == """
        cluster outbound|9080||reviews

        1. route default (VirtualService default/reviews)
             prefix /
             not jason: header end-user is not jason

        Rules:
          VirtualService default/reviews applies: it is for this host

        """)
  }
}
