// SPDX-License-Identifier: Apache-2.0

import Flags
import JSON
import Testing

@testable import Agent

struct AgentOptionsTests {
  private let workload = [
    "POD_NAME": "web-1", "POD_NAMESPACE": "shop", "INSTANCE_IP": "10.0.0.1,fd00::1",
    "SERVICE_ACCOUNT": "web", "ISTIO_META_CLUSTER_ID": "east",
    "ISTIO_METAJSON_LABELS": #"{"app":"web"}"#, "HOME": "/root",
  ]

  private func options(
    _ arguments: [String] = [], _ more: [String: String] = [:]
  ) throws -> AgentOptions {
    try AgentOptions(
      FlagValues(arguments, flags: AgentOptions.flags), role: "sidecar",
      environment: workload.merging(more) { $1 })
  }

  @Test func theNodeSaysWhoTheWorkloadIs() throws {
    let bootstrap = Bootstrap.make(try options(), socket: "/s/agent.sock")
    let node = bootstrap["node"]
    #expect(node?["id"]?.string == "sidecar~10.0.0.1~web-1.shop~shop.svc.cluster.local")
    #expect(node?["cluster"]?.string == "web.shop")
    let metadata = node?["metadata"]
    #expect(metadata?["NAMESPACE"]?.string == "shop")
    #expect(metadata?["SERVICE_ACCOUNT"]?.string == "web")
    #expect(metadata?["INSTANCE_IPS"]?.string == "10.0.0.1,fd00::1")
    #expect(metadata?["CLUSTER_ID"]?.string == "east")
    #expect(metadata?["LABELS"]?["app"]?.string == "web")
    #expect(metadata?["NAVARCH_AGENT"] != nil && metadata?["HOME"] == nil)
    let clusters = bootstrap["static_resources"]?["clusters"]?.array
    #expect(clusters?.compactMap { $0["name"]?.string } == ["xds-grpc", "sds-grpc"])
  }

  @Test func theProxysConfigurationIsYAMLOrJSON() throws {
    let text = "discoveryAddress: istiod.mesh:15012\nproxyAdminPort: 15999\nconcurrency: 3\n"
    let options = try options(["--proxyLogLevel=info,misc:error"], ["PROXY_CONFIG": text])
    #expect(options.discoveryAddress == "istiod.mesh:15012" && options.adminPort == 15_999)
    #expect(options.authorityAddress == options.discoveryAddress)
    #expect(options.envoyArguments == ["--log-level", "info", "--concurrency", "3"])
    #expect(options.drainDuration == .seconds(5) && options.statusPort == 15_020)
  }

  @Test(arguments: [
    ["POD_NAME": ""], ["PROXY_CONFIG": "["], ["PROXY_CONFIG": "statusPort: 0"],
    ["ISTIO_METAJSON_LABELS": "{"], ["SECRET_GRACE_PERIOD_RATIO": "2"],
  ])
  func mistakesAreSaid(_ more: [String: String]) {
    #expect(throws: FlagError.self) { try options([], more) }
  }

  @Test func certificatesAreRenewedWithAShareOfTheirLifeLeft() {
    #expect(Renewal.pause(life: 100, graceRatio: 0.5, jitter: 0) == .seconds(50))
    #expect(Renewal.pause(life: 100, graceRatio: 0.5, jitter: -0.05) == .seconds(45))
    #expect(Renewal.pause(life: 100, graceRatio: 0, jitter: 0) == .seconds(95))
    #expect(Renewal.pause(life: -5, graceRatio: 0.5, jitter: 0) == .seconds(1))
  }

  @Test func adminAnswersAreRead() throws {
    let answer = EnvoyAdmin.parse(Array("HTTP/1.1 200 OK\r\nx: y\r\n\r\nLIVE\n".utf8))
    #expect(answer?.status == 200 && answer?.body == "LIVE\n")
    let head = "HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n"
    let chunks = head + "3\r\nab\n\r\n1\r\nc\r\n0\r\n\r\n"
    let joined = EnvoyAdmin.parse(Array(chunks.utf8))
    #expect(joined?.status == 503 && joined?.body == "ab\nc")
    #expect(EnvoyAdmin.parse(Array("nonsense".utf8)) == nil)
    #expect(EnvoyAdmin.parse([]) == nil)
  }
}
