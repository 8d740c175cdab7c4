// SPDX-License-Identifier: Apache-2.0

import Inspection
import JSON
import Testing

/// A table with the blanks of each row joined, so that a test shows the cells.
private func cells(_ table: TextTable) -> [String] {
  ([table.header] + table.rows).map { $0.joined(separator: " | ") }
}

struct ProxyReportTests {
  @Test func columnsAreSetAsTabwriterDoes() {
    let table = TextTable(["A", "LONG"], [["xyz", "1"], ["", "é"]], gap: 5)
    #expect(table.text == "A       LONG\nxyz     1\n        é\n")
  }

  @Test func clustersAreListedByHostSubsetAndPort() throws {
    let dump = try SampleDump.dump()
    #expect(
      cells(ClusterReport(dump).table) == [
        "SERVICE FQDN | PORT | SUBSET | DIRECTION | TYPE | DESTINATION RULE",
        " | 9080 | - | inbound | ORIGINAL_DST | ",
        "BlackHoleCluster | - | - | - | STATIC | ",
        "reviews.default.svc.cluster.local | 9080 | - | outbound | EDS | ",
        "reviews.default.svc.cluster.local | 9080 | v2 | outbound | EDS | reviews.default",
        "xds | - | - | - | STRICT_DNS | ",
      ])
    var filter = ClusterReport.Filter()
    filter.host = "reviews.default.svc.cluster.local"
    filter.subset = "v2"
    #expect(ClusterReport(dump, filter).clusters.count == 1)
    filter.port = 1
    #expect(ClusterReport(dump, filter).clusters.isEmpty)
  }

  @Test func listenersShowWhatEachChainMatchesAndWhereItLeads() throws {
    let report = ListenerReport(try SampleDump.dump())
    #expect(
      cells(report.table) == [
        "ADDRESSES | PORT | MATCH | DESTINATION",
        "0.0.0.0,:: | 9080 | Trans: raw_buffer; App: HTTP | Route: 9080",
        "0.0.0.0,:: | 9080 | SNI: a.example,b.example; Addr: 10.0.0.0/8:9080 | "
          + "Cluster: outbound|9080||reviews.default.svc.cluster.local",
        "0.0.0.0,:: | 9080 | ALL | Cluster: inbound|9080||",
        "0.0.0.0 | 15001 | ALL | PassthroughCluster",
        "0.0.0.0 | 15001 | Addr: *:15001 | Non-HTTP/Non-TCP",
      ])
    var filter = ListenerReport.Filter()
    filter.type = "tcp"
    #expect(ListenerReport(try SampleDump.dump(), filter).listeners.count == 1)
  }

  @Test func routesShowHostsMatchesAndTheirObjects() throws {
    let report = RouteReport(try SampleDump.dump())
    #expect(
      cells(report.table) == [
        "NAME | VHOST NAME | DOMAINS | MATCH | VIRTUAL SERVICE",
        "9080 | reviews.default.svc.cluster.local:9080 | reviews, reviews.default + 1 more... | "
          + "PathPrefix:/api | reviews.default",
        "9080 | reviews.default.svc.cluster.local:9080 | reviews, reviews.default + 1 more... | "
          + "regex /v[0-9] | ",
        "9080 | reviews.default.svc.cluster.local:9080 | reviews, reviews.default + 1 more... | /* | ",
        "http.8080 | blackhole:8080 | * | /* | 404",
      ])
    #expect(RouteReport(try SampleDump.dump(), name: "9080").routes.count == 1)
  }

  @Test func endpointsComeFromTheDumpOrFromEnvoysPage() throws {
    let dump = try SampleDump.dump()
    #expect(
      cells(EndpointReport(dump).table) == [
        "NAME | STATUS | LOCALITY | CLUSTER",
        "10.0.0.2:9080 | HEALTHY | r/z | outbound|9080||reviews.default.svc.cluster.local",
        "unix:///tmp/s | UNKNOWN | r/z | outbound|9080||reviews.default.svc.cluster.local",
      ])
    let page: JSONValue = [
      "cluster_statuses": [
        [
          "name": "b",
          "host_statuses": [
            [
              "address": ["socket_address": ["address": "10.0.0.9", "port_value": 80]],
              "health_status": ["eds_health_status": "HEALTHY", "failed_outlier_check": true],
            ]
          ],
        ],
        [
          "name": "a",
          "host_statuses": [
            [
              "address": ["socket_address": ["address": "10.0.0.2", "port_value": 80]],
              "health_status": ["eds_health_status": "UNHEALTHY"],
            ]
          ],
        ],
      ]
    ]
    #expect(
      cells(try HostReport(page).table) == [
        "ENDPOINT | STATUS | OUTLIER CHECK | CLUSTER", "10.0.0.2:80 | UNHEALTHY | OK | a",
        "10.0.0.9:80 | HEALTHY | FAILED | b",
      ])
    var filter = EndpointFilter()
    filter.status = "healthy"
    #expect(try HostReport(page, filter).clusters.count == 1)
    #expect(throws: DumpError.self) { try HostReport(dump.value) }
  }

  @Test func secretsShowValidityAndNoKeys() throws {
    let report = SecretReport(
      try SampleDump.dump(), now: 50,
      facts: { text in
        text == "Y2hhaW4="
          ? CertificateFacts(serial: "a1", notBefore: 10, notAfter: 40)
          : CertificateFacts(serial: "b2", notBefore: 10, notAfter: 90)
      }, time: { "t\($0)" })
    let lines = report.text.split(separator: "\n").map { $0.split(separator: " ") }
    #expect(lines[1] == ["default", "Cert", "Chain", "ACTIVE", "false", "a1", "t40", "t10"])
    #expect(lines[2] == ["ROOTCA", "CA", "ACTIVE", "true", "b2", "t90", "t10"])
    #expect(lines[3] == ["kubernetes://late", "WARMING", "false"])
  }

  @Test func camelCaseIsReadToo() throws {
    let camel = try SampleDump.dump {
      $0.replacing("dynamic_active_clusters", with: "dynamicActiveClusters")
        .replacing("filter_metadata", with: "filterMetadata")
    }
    #expect(ClusterReport(camel).table == ClusterReport(try SampleDump.dump()).table)
  }

  @Test func whatIsNoDumpIsSaid() {
    #expect(throws: DumpError.self) { try ProxyDump(["a": 1]) }
  }
}
