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
          "status": "SYNCED", "sentTime": "2026-01-01T00:00:00Z",
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
        ["details-v1.default", "Kubernetes", "istiod-0", "", "0"],
        ["reviews-v1.default", "Kubernetes", "istiod-0", "1.30.3", "3 (CDS,RDS,SDS)"],
      ])
    // By the URLs of types, as istioctl has them.
    let long = report.longTable { $0.isEmpty ? nil : "5s" }
    #expect(
      long.header
        == ["NAME", "CLUSTER", "CDS", "ECDS", "EDS", "LDS", "RDS", "SDS", "ISTIOD", "VERSION"])
    #expect(
      long.rows[1] == [
        "reviews-v1.default", "Kubernetes", "NOT SENT", "IGNORED", "IGNORED", "IGNORED", "STALE",
        "SYNCED (5s)", "istiod-0", "1.30.3",
      ])
    #expect(long.rows[0][2] == "IGNORED")
    #expect(report.versions.map { "\($0.version) \($0.count)" } == ["1.30.3 1", "unknown 1"])
    #expect(throws: DumpError.self) { try SyncReport(["a": 1], identity: "") }
  }

  @Test func theAnswerIsInIstioctlsForm() throws {
    let report = try SyncReport(page, identity: "istiod-0")
    let url = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
    let reviews = try #require(report.response["resources"]?.array?.first)
    #expect(reviews["@type"] == "type.googleapis.com/envoy.service.status.v3.ClientConfig")
    #expect(
      reviews["node"] == [
        "id": "reviews-v1.default",
        "metadata": [
          "CLUSTER_ID": "Kubernetes", "NAMESPACE": "default", "ISTIO_VERSION": "1.30.3",
        ],
      ])
    #expect(
      reviews["genericXdsConfigs"]?.array?.last == [
        "typeUrl": .string(url), "configStatus": "SYNCED", "lastUpdated": "2026-01-01T00:00:00Z",
      ])
    // The control plane's own answer is shown as it is, and says who gave it.
    var members = try #require(report.response.object)
    members["controlPlane"] = ["identifier": #"{"Component":"istiod","ID":"istiod-7"}"#]
    let answer = JSONValue.object(members)
    let same = try SyncReport(answer, identity: "istiod-0")
    #expect(same.response == answer && same.table.rows.allSatisfy { $0[2] == "istiod-7" })
    #expect(same.table.rows[1][4] == "3 (CDS,RDS,SDS)")
  }

  @Test(arguments: [
    (-5, "<invalid>"), (-1, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (600, "10m"),
    (10_799, "179m"), (10_800, "3h"), (11_100, "3h5m"), (28_800, "8h"), (172_800, "2d"),
    (176_400, "2d1h"), (691_200, "8d"), (63_072_000, "2y"), (63_158_400, "2y1d"),
    (252_288_000, "8y"),
  ]) func agesAreKubectls(seconds: Int, text: String) {
    #expect(SyncReport.age(seconds: Int64(seconds)) == text)
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
