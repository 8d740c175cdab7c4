// SPDX-License-Identifier: Apache-2.0

import Cryptography
import Flags
import Foundation
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
    // What the machine's interfaces have stands behind.
    #expect(metadata?["INSTANCE_IPS"]?.string?.hasPrefix("10.0.0.1,fd00::1") == true)
    #expect(metadata?["CLUSTER_ID"]?.string == "east")
    #expect(metadata?["LABELS"]?["app"]?.string == "web")
    #expect(metadata?["NAVARCH_AGENT"] != nil && metadata?["HOME"] == nil)
    let clusters = bootstrap["static_resources"]?["clusters"]?.array
    #expect(
      clusters?.compactMap { $0["name"]?.string } == [
        "xds-grpc", "sds-grpc", "prometheus_stats", "agent",
      ])
    let listeners = bootstrap["static_resources"]?["listeners"]?.array
    #expect(listeners?.compactMap { $0["name"]?.string } == ["0.0.0.0_15021", "0.0.0.0_15090"])
  }

  @Test func theProxysConfigurationIsYAMLOrJSON() throws {
    let text = "discoveryAddress: istiod.mesh:15012\nproxyAdminPort: 15999\nconcurrency: 3\n"
    let options = try options(["--proxyLogLevel=info,misc:error"], ["PROXY_CONFIG": text])
    #expect(options.certificates.discoveryAddress == "istiod.mesh:15012")
    #expect(options.adminPort == 15_999 && options.statusPort == 15_020)
    #expect(options.certificates.authorityAddress == options.certificates.discoveryAddress)
    let arguments = options.envoyArguments.joined(separator: " ")
    #expect(
      arguments.hasSuffix("--log-level info --component-log-level misc:error --concurrency 3"))
    #expect(options.drain.duration == .seconds(5) && !options.drain.endsWithoutConnections)
  }

  @Test func envoyHasAThreadForEachCPUOfTheContainer() throws {
    let limited = ["ISTIO_CPU_LIMIT": "2"]
    #expect(try options([], limited).envoyArguments.suffix(2) == ["--concurrency", "2"])
    let all = try options([], limited.merging(["PROXY_CONFIG": "concurrency: 0"]) { $1 })
    #expect(!all.envoyArguments.contains("--concurrency"))
    #expect(try options(["--concurrency=3"], limited).envoyArguments.last == "3")
  }

  @Test func interfacesThatAreExcludedDoNotCount() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let names = try FileManager.default.contentsOfDirectory(atPath: "/sys/class/net")
    try "traffic.sidecar.istio.io/excludeInterfaces=\"\(names.joined(separator: ","))\"\n"
      .write(toFile: folder + "/annotations", atomically: true, encoding: .utf8)
    let line = try FlagValues([], flags: AgentOptions.flags)
    let options = try AgentOptions(line, role: "sidecar", environment: workload, pod: folder)
    #expect(options.addresses.map(\.description) == ["10.0.0.1", "fd00::1"])
    #expect(IPAddress.ofInterfaces(except: ["none"]) == IPAddress.ofInterfaces())
  }

  @Test func keysAreOfTheCurveThatIsAskedFor() throws {
    let asked = ["ECC_SIGNATURE_ALGORITHM": "ECDSA", "ECC_CURVE": "P384"]
    #expect(try options([], asked).certificates.algorithm == .p384)
    #expect(try options().certificates.algorithm == .p256)
    #expect(
      try options([], ["WORKLOAD_RSA_KEY_SIZE": "2048"]).certificates.algorithm == .rsa(bits: 2048))
  }

  @Test func thePodsFilesAndTheMeshsCountToo() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try #"app="shop\"s"\npod-template-hash="1"\n"#.replacingOccurrences(of: "\\n", with: "\n")
      .write(toFile: folder + "/labels", atomically: true, encoding: .utf8)
    try
      (#"proxy.istio.io/config="concurrency: 7\nterminationDrainDuration: 9s\n""#
      + "\n" + #"sidecar.istio.io/discoveryAddress="istiod.x:15012""#
      + "\n" + #"status.sidecar.istio.io/port="15998""#)
      .write(toFile: folder + "/annotations", atomically: true, encoding: .utf8)
    try "defaultConfig:\n  concurrency: 1\n  statusPort: 15999\n"
      .write(toFile: folder + "/mesh", atomically: true, encoding: .utf8)
    let line = try FlagValues(["--meshConfig", folder + "/mesh"], flags: AgentOptions.flags)
    let options = try AgentOptions(
      line, role: "sidecar",
      environment: workload.merging(["PROXY_CONFIG": "{\"concurrency\": 3}"]) { $1 }, pod: folder)
    #expect(options.certificates.discoveryAddress == "istiod.x:15012")
    #expect(options.statusPort == 15_998 && options.drain.duration == .seconds(9))
    #expect(options.envoyArguments.suffix(2) == ["--concurrency", "7"])
    #expect(options.metadata["LABELS"]?["app"]?.string == #"shop"s"#)
    #expect(options.metadata["LABELS"]?["pod-template-hash"] == nil)
    #expect(options.metadata["PROXY_CONFIG"]?["drainDuration"] == nil)
  }

  @Test func metadataOfTheProxysConfigurationGivesWayToTheEnvironment() throws {
    let config =
      #"{"proxyMetadata": {"ISTIO_META_CLUSTER_ID": "west", "ISTIO_META_DNS_CAPTURE": "x"}}"#
    let options = try options([], ["PROXY_CONFIG": config, "ISTIO_METAJSON_X": #"{"A": "b"}"#])
    #expect(options.metadata["CLUSTER_ID"]?.string == "east")
    #expect(options.metadata["DNS_CAPTURE"]?.string == "x")
    #expect(options.metadata["A"]?.string == "b")
  }

  @Test func certificatesOfFilesStandForATokenAndTheAuthority() throws {
    let names = ["CERT_CHAIN": "/c", "KEY": "/k", "ROOT_CERT": "/r"]
    let environment = names.reduce(into: ["FILE_MOUNTED_CERTS": "true"]) {
      $0["ISTIO_META_TLS_CLIENT_" + $1.key] = $1.value
    }
    let mounted = try options([], environment).certificates
    #expect(mounted.isMountedOnly)
    #expect(mounted.client == CertificateFiles(chain: "/c", key: "/k", roots: "/r"))
    #expect(mounted.discoveryRoots.contains("/r"))
    let provisioned = try options([], ["PROV_CERT": "/p", "OUTPUT_CERTS": "./etc/certs"])
    #expect(provisioned.certificates.client == CertificateFiles(folder: "/p"))
    #expect(!provisioned.certificates.isMountedOnly && provisioned.mountedCertificates == nil)
    #expect(try options().mountedCertificates == CertificateFiles(folder: "./etc/certs"))
    #expect(throws: FlagError.self) {
      try options([], ["PROV_CERT": "/p", "FILE_MOUNTED_CERTS": "true"])
    }
  }

  @Test func theDNSProxyListensWhereTheNameServersAre() throws {
    #expect(try options().names == nil)
    let names = try #require(try options([], ["ISTIO_META_DNS_CAPTURE": "true"]).names)
    let listening = { (text: String) in
      try names.settings(ResolverSettings(parsing: text), namespace: "a", domain: "b")
        .addresses.map(\.description)
    }
    #expect(try listening("nameserver 10.0.0.1\n") == ["127.0.0.1:15053"])
    #expect(try listening("nameserver fd00::1") == ["[::1]:15053"])
    #expect(
      try listening("nameserver 10.0.0.1\nnameserver fd00::1")
        == ["127.0.0.1:15053", "[::1]:15053"])
    #expect(try listening("") == ["127.0.0.1:15053"])
    #expect(throws: FlagError.self) {
      try options([], ["ISTIO_META_DNS_CAPTURE": "true", "DNS_PROXY_ADDR": "x"]).names?.settings(
        ResolverSettings(parsing: ""), namespace: "a", domain: "b")
    }
  }

  private func temporaryFolder() throws -> String {
    let path = NSTemporaryDirectory() + "navarch-agent-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  @Test(arguments: [
    ["POD_NAME": ""], ["PROXY_CONFIG": "["], ["PROXY_CONFIG": "statusPort: 0"],
    ["ISTIO_METAJSON_LABELS": "{"], ["SECRET_GRACE_PERIOD_RATIO": "2"], ["INSTANCE_IP": "x"],
    ["ECC_CURVE": "P521"], ["MINIMUM_DRAIN_DURATION": "soon"], ["FILE_MOUNTED_CERTS": "maybe"],
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

  @Test func answersAreRead() throws {
    let answer = HTTPCall.parse(Array("HTTP/1.1 200 OK\r\nX-A: y\r\n\r\nLIVE\n".utf8))
    #expect(answer?.status == 200 && answer?.body == Array("LIVE\n".utf8))
    #expect(answer?["x-a"] == "y")
    let head = "HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n"
    let chunks = head + "3\r\nab\n\r\n1\r\nc\r\n0\r\n\r\n"
    let joined = HTTPCall.parse(Array(chunks.utf8))
    #expect(joined?.status == 503 && joined?.body == Array("ab\nc".utf8))
    #expect(HTTPCall.parse(Array("nonsense".utf8)) == nil)
    #expect(HTTPCall.parse([]) == nil)
  }

  @Test func connectionsOfClientsAreCounted() {
    let text = """
      listener.0.0.0.0_15006.downstream_cx_active: 3
      listener.0.0.0.0_15006.worker_0.downstream_cx_active: 3
      listener.0.0.0.0_15021.downstream_cx_active: 1
      listener.admin.downstream_cx_active: 1
      listener.10.0.0.1_80.downstream_cx_active: 2
      http.inbound.downstream_cx_active: 9
      """
    #expect(EnvoyAdmin.connections(text, without: [15_021, 15_090]) == 5)
    #expect(EnvoyAdmin.connections("", without: []) == 0)
  }
}
