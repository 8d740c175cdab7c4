// SPDX-License-Identifier: Apache-2.0

import Flags
import Foundation
import JSON
import Synchronization
import Testing
import YAML

@testable import Commands

/// Pages by method and URL, and what was asked.
private final class Pages: Sendable {
  private let pages: [String: String]
  private let asked = Mutex<[String]>([])

  init(_ pages: [String: String]) { self.pages = pages }

  var log: [String] { asked.withLock { $0 } }

  var fetch: Fetch {
    { method, url in
      self.asked.withLock { $0.append("\(method) \(url)") }
      guard let page = self.pages[url] else { throw FlagError("no page \(url)") }
      return Array(page.utf8)
    }
  }
}

struct PageCommandTests {
  private static let dump = """
    {"configs": [{"@type": "x/envoy.admin.v3.ClustersConfigDump", "dynamic_active_clusters": [
    {"cluster": {"name": "outbound|80||a.b", "type": "EDS"}}]}]}
    """

  private func run(_ pages: Pages, _ arguments: String...) async throws -> String {
    try await Navarchctl.answer(arguments, environment: [:], fetch: pages.fetch)
  }

  private func file(_ text: String) throws -> String {
    let path = NSTemporaryDirectory() + "navarchctl-" + UUID().uuidString + ".yaml"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  @Test func aDumpComesFromTheControlPlaneAnEnvoyOrAFile() async throws {
    let pages = Pages([
      "http://127.0.0.1:8080/debug/config_dump?proxyID=a.default": Self.dump,
      "http://127.0.0.1:15000/config_dump?include_eds": Self.dump,
    ])
    let path = try file(Self.dump)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let table =
      "SERVICE FQDN     PORT     SUBSET     DIRECTION     TYPE     DESTINATION RULE\n"
      + "a.b              80       -          outbound      EDS      \n"
    #expect(try await run(pages, "proxy-config", "cluster", "a.default") == table)
    #expect(try await run(pages, "pc", "cluster", "--envoy=127.0.0.1:15000") == table)
    #expect(try await run(pages, "pc", "cluster", "-f", path) == table)
    let json = try await run(pages, "pc", "cluster", "-f", path, "-o", "json")
    #expect(try JSONValue(parsing: json) == [["name": "outbound|80||a.b", "type": "EDS"]])
    let yaml = try await run(pages, "pc", "cluster", "-f", path, "-o", "yaml")
    #expect(YAML.documents(in: yaml).documents.first?.value == (try JSONValue(parsing: json)))
    for arguments in [
      ["pc", "cluster"], ["pc", "cluster", "-f", path, "-o", "xml"], ["pc", "x"],
    ] {
      await #expect(throws: FlagError.self, "\(arguments)") {
        try await Navarchctl.answer(arguments, environment: [:], fetch: pages.fetch)
      }
    }
  }

  @Test func flagsAndNamesOfIstioctlAreTaken() async throws {
    let pages = Pages([
      "http://127.0.0.1:8080/debug/config_dump?proxyID=a.default": Self.dump,
      "http://127.0.0.1:8080/debug/syncz?format=xds": #"{"resources": [{"node": {"id": "a.b"}}]}"#,
    ])
    let table = try await run(pages, "pc", "cluster", "a.default")
    for arguments in [
      ["pc", "c", "a", "-n", "default", "-i", "istio-system", "--context=x", "-c", "config"],
      ["proxy-config", "clusters", "pod/a.default", "--proxy-admin-port", "15000", "--fqdn=a."],
      ["pc", "cluster", "a.default", "--port=80", "--direction", "out", "-o", "short"],
    ] {
      let text = try await Navarchctl.answer(arguments, environment: [:], fetch: pages.fetch)
      #expect(text == table, "\(arguments)")
    }
    let rows = try await run(
      pages, "ps", "--revision", "canary", "--xds-address=x:15012", "--insecure", "-o", "json")
    #expect(try JSONValue(parsing: rows)["resources"]?.array?.count == 1)
    await #expect(throws: FlagError.self) { try await run(pages, "pc", "c", "deployment/a") }
  }

  @Test func whatAnEnvoyWasStartedWithIsShown() async throws {
    let dump = """
      {"configs": [{"@type": "x/envoy.admin.v3.BootstrapConfigDump", "bootstrap": {"node": {
      "metadata": {"ISTIO_VERSION": "1.30.3", "ISTIO_PROXY_SHA": "x:abc"},
      "user_agent_build_version": {"version": {"major_number": 1, "minor_number": 38},
      "metadata": {"build.type": "RELEASE", "revision.status": "Clean"}}}}},
      {"@type": "x/envoy.admin.v3.EcdsConfigDump", "ecds_filters": [
      {"ecds_filter": {"@type": "x/envoy.config.core.v3.TypedExtensionConfig", "name": "b",
      "typed_config": {"@type": "type.googleapis.com/Wasm"}}},
      {"ecds_filter": {"name": "a", "typed_config": {"@type": "type.googleapis.com/Wasm"}}}]}]}
      """
    let path = try file(dump)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let whole = try await run(Pages([:]), "pc", "bootstrap", "-f", path)
    #expect(
      try JSONValue(parsing: whole)["bootstrap"]?["node"]?["metadata"]?["ISTIO_VERSION"] == "1.30.3"
    )
    let short = """
      Istio Version:       1.30.3
      Istio Proxy Version: abc
      Envoy Version:       1.38.0/Clean/RELEASE

      """
    #expect(try await run(Pages([:]), "pc", "b", "-f", path, "-o", "short") == short)
    #expect(
      try await run(Pages([:]), "pc", "ecds", "-f", path)
        == "ECDS NAME     TYPE\na             Wasm\nb             Wasm\n")
    let all = try await run(Pages([:]), "pc", "all", "-f", path, "--with-headers")
    #expect(all.hasPrefix("------ BOOTSTRAP INFO ------\n\n" + short + "\n------ CLUSTER INFO"))
    await #expect(throws: FlagError.self) {
      try await run(
        Pages(["http://127.0.0.1:8080/debug/config_dump?proxyID=a.default": Self.dump]), "pc", "b",
        "a.default")
    }
  }

  @Test func hostsComeFromEnvoysOwnPage() async throws {
    let pages = Pages([
      "http://e:1/clusters?format=json": """
      {"cluster_statuses": [{"name": "c", "host_statuses": [{"address": {"socket_address":
      {"address": "1.2.3.4", "port_value": 5}}, "health_status": {"eds_health_status": "HEALTHY"}}]}]}
      """
    ])
    #expect(
      try await run(pages, "pc", "endpoint", "--envoy", "http://e:1/")
        == "ENDPOINT      STATUS      OUTLIER CHECK     CLUSTER\n1.2.3.4:5     HEALTHY     OK                c\n"
    )
  }

  @Test func proxyStatusComparesOneProxy() async throws {
    let pages = Pages([
      "http://i:2/debug/config_dump?proxyID=a%2Fb": Self.dump,
      "http://i:2/debug/syncz?format=xds&namespace=default":
        #"[{"proxy": "a", "cluster_id": "K"}]"#,
    ])
    let path = try file(Self.dump)
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(
      try await run(pages, "ps", "a/b", "--istiod", "i:2", "-f", path)
        == "Clusters Match\nListeners Match\nRoutes Match\n")
    let table = try await run(pages, "proxy-status", "-n", "default", "--istiod=http://i:2")
    #expect(table.split(separator: "\n")[1].split(separator: " ") == ["a", "K", "i:2", "0"])
    await #expect(throws: FlagError.self) { try await run(pages, "ps", "a", "--istiod", "i:2") }
  }

  @Test func rolloutNamesWhoHasNotAppliedAnObject() async throws {
    let path =
      "http://127.0.0.1:8080/debug/rollout?kind=VirtualService&name=reviews&namespace=a%20b"
    let page = """
      {"kind": "VirtualService", "namespace": "a b", "name": "reviews", "generation": 7,
       "summary": "generation 7: applied on 1 of 3 proxies, refused by 1, waiting for 1",
       "proxies": 3, "applied": 1, "waiting": ["p2"], "refused": [
       {"proxy": "p1", "type": "rds", "message": "no", "resources": ["80", "90"]}]}
      """
    let text = try await run(
      Pages([path: page]), "rollout", "VirtualService", "reviews", "-n", "a b")
    #expect(
      text == """
        VirtualService/a b/reviews generation 7: applied on 1 of 3 proxies, refused by 1, waiting for 1
        PROXY     STATE       TYPE     RESOURCES     MESSAGE
        p1        refused     rds      80,90         no
        p2        waiting

        """)
    let json = try await run(
      Pages([path: page]), "rollout", "VirtualService", "reviews", "-n", "a b", "-o", "json")
    #expect(try JSONValue(parsing: json) == (try JSONValue(parsing: page)))
    await #expect(throws: FlagError.self) { try await run(Pages([:]), "rollout", "reviews") }
  }

  @Test func versionsAreThoseOfAllThree() async throws {
    let pages = Pages([
      "http://127.0.0.1:8080/version": "0.1.0-navarch-Clean",
      "http://127.0.0.1:8080/debug/syncz":
        #"[{"proxy": "a", "istio_version": "1.30.3"}, {"proxy": "b", "istio_version": "1.30.3"}]"#,
    ])
    #expect(
      try await run(pages, "version") == """
        client version: 0.1.0
        control plane version: 0.1.0-navarch-Clean
        data plane version: 1.30.3 (2 proxies)

        """)
    #expect(try await run(Pages([:]), "version", "--remote=false") == "client version: 0.1.0\n")
  }

  @Test func levelsAreSetAndShown() async throws {
    let scopes =
      #"[{"name": "ads", "description": "", "output_level": "debug", "stack_trace_level": "none"}]"#
    let pages = Pages([
      "http://127.0.0.1:8080/debug/logging": scopes,
      "http://127.0.0.1:8080/debug/logging?level=ads%3Adebug": scopes,
    ])
    let table = try await run(pages, "admin", "log", "--level", "ads:debug")
    #expect(
      table.hasPrefix("ACTIVE SCOPE     DESCRIPTION     LOG LEVEL     STACK TRACE LEVEL\nads"))
    #expect(
      pages.log == [
        "PUT http://127.0.0.1:8080/debug/logging?level=ads%3Adebug",
        "GET http://127.0.0.1:8080/debug/logging",
      ])
  }

  @Test func filesAreValidated() async throws {
    let good = try file(
      """
      apiVersion: networking.istio.io/v1
      kind: DestinationRule
      metadata: {name: a, namespace: default}
      spec: {host: a}
      """)
    let bad = try file(
      """
      apiVersion: networking.istio.io/v1
      kind: VirtualService
      metadata: {name: b, namespace: default}
      spec: {hosts: [b], http: [{rout: []}]}
      """)
    defer { for path in [good, bad] { try? FileManager.default.removeItem(atPath: path) } }
    #expect(try await run(Pages([:]), "validate", "-f", good) == "\"\(good)\" is valid\n")
    await #expect {
      try await run(Pages([:]), "validate", "-f", good, "-f", bad)
    } throws: { "\($0)".contains("rout") && "\($0)".contains(bad) }
  }

  @Test func aRemoteSecretHoldsTheOtherClustersKubeconfig() async throws {
    let path = try file(
      """
      apiVersion: v1
      kind: Config
      current-context: one
      contexts: [{name: one, context: {cluster: c1, user: u1}}, {name: two, context: {cluster: c2, user: u2}}]
      clusters:
      - {name: c1, cluster: {server: https://one:6443, certificate-authority-data: Y2E=}}
      - {name: c2, cluster: {server: https://two:6443}}
      users: [{name: u1, user: {token: secret}}, {name: u2, user: {exec: {command: aws}}}]
      """)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let text = try await run(
      Pages([:]), "create-remote-secret", "--name=east", "-c", path, "--server", "https://else:1")
    let secret = try #require(YAML.documents(in: text).documents.first?.value)
    #expect(secret["metadata"]?["name"] == "istio-remote-secret-east")
    #expect(secret["metadata"]?["labels"]?["istio/multiCluster"] == "true")
    let inner = try #require(secret["stringData"]?["east"]?.string)
    let config = try #require(YAML.documents(in: inner).documents.first?.value)
    #expect(
      config["clusters"] == [
        [
          "cluster": ["server": "https://else:1", "certificate-authority-data": "Y2E="],
          "name": "east",
        ]
      ])
    #expect(config["users"] == [["name": "east", "user": ["token": "secret"]]])
    await #expect {
      try await run(Pages([:]), "create-remote-secret", "--name=e", "-c", path, "--context=two")
    } throws: { "\($0)".contains("--token-file") }
  }
}
