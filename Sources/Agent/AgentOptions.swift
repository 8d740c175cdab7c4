// SPDX-License-Identifier: Apache-2.0

import Flags
import JSON
import Logging
import StateDirectory
import YAML

/// What flags and environment ask of an agent, by pilot-agent's names.
struct AgentOptions: Sendable {
  /// What the Envoy beside the agent is for: `sidecar` or `router`.
  var role: String
  var podName: String
  var namespace: String
  var serviceAccount: String
  var addresses: [String]
  /// The fourth part of the node id.
  var dnsDomain: String
  var trustDomain: String
  /// The metadata of `ISTIO_META_…` and `ISTIO_METAJSON_…`.
  var metadata: [String: JSONValue]
  var serviceCluster: String
  /// Where ADS and certificates come from, `host:port`.
  var discoveryAddress: String
  var authorityAddress: String
  /// The name to expect in the control plane's certificate (`ISTIOD_SAN`); nil for the address's.
  var serverName: String?
  /// The file of the control plane's roots.
  var rootsFile: String
  /// The file of the token that proves who the workload is.
  var tokenFile: String
  /// Where sockets and the bootstrap stand.
  var folder: String
  var envoyPath: String
  var envoyArguments: [String]
  var adminPort: Int
  var statusPort: Int
  var readinessPort: Int
  /// How long Envoy may finish requests after it was asked to end.
  var drainDuration: Duration
  /// The life to ask for, in seconds (`SECRET_TTL`).
  var certificateLifetime: Int64
  /// The share of a certificate's life that is left when it is renewed
  /// (`SECRET_GRACE_PERIOD_RATIO`).
  var graceRatio: Double
  var logs: LogOptions

  /// The flags of `proxy`.
  static let flags = [
    Flag(
      "domain", .text, "", used: true,
      "DNS domain of the proxy (default NAMESPACE.svc.cluster.local)"),
    Flag("proxyLogLevel", .text, "warning,misc:error", used: true, "Level of Envoy's log"),
    Flag("proxyComponentLogLevel", .text, "", used: true, "Levels of Envoy's components"),
    Flag(
      "concurrency", .number, "0", used: true, "Number of Envoy's worker threads; 0: its own choice"
    ),
    Flag("log_output_level", .text, "default:info", used: true, "Least level written, by scope"),
    Flag("log_as_json", .truth, "false", used: true, "Write JSON lines"),
  ]

  init(_ line: FlagValues, role: String, environment: [String: String]) throws(FlagError) {
    let text = { (name: String) in environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    let proxy = try AgentOptions.proxyConfig(text("PROXY_CONFIG"))
    let configured = { (name: String) in proxy[name]?.string.flatMap { $0.isEmpty ? nil : $0 } }
    self.role = role
    guard let pod = text("POD_NAME"), let space = text("POD_NAMESPACE"),
      let address = text("INSTANCE_IP")
    else {
      throw FlagError("POD_NAME, POD_NAMESPACE and INSTANCE_IP are needed: they name the workload.")
    }
    (podName, namespace) = (pod, space)
    serviceAccount = text("SERVICE_ACCOUNT") ?? "default"
    addresses = address.split(separator: ",").map(String.init)
    dnsDomain = line["domain"].isEmpty ? "\(space).svc.cluster.local" : line["domain"]
    trustDomain = text("TRUST_DOMAIN") ?? "cluster.local"
    metadata = try AgentOptions.metadata(environment)
    let app = metadata["LABELS"]?["app"]?.string
    serviceCluster = configured("serviceCluster") ?? "\(app ?? pod).\(space)"
    discoveryAddress = configured("discoveryAddress") ?? "istiod.istio-system.svc:15012"
    authorityAddress = text("CA_ADDR") ?? discoveryAddress
    serverName = text("ISTIOD_SAN")
    rootsFile = text("CA_ROOT_CA") ?? "./var/run/secrets/istio/root-cert.pem"
    tokenFile = text("JWT_PATH") ?? "./var/run/secrets/tokens/istio-token"
    folder = configured("configPath") ?? "./etc/istio/proxy"
    envoyPath = configured("binaryPath") ?? "/usr/local/bin/envoy"
    adminPort = try AgentOptions.port(proxy, "proxyAdminPort", 15000)
    statusPort = try AgentOptions.port(proxy, "statusPort", 15020)
    readinessPort = try AgentOptions.port(
      ["port": text("ENVOY_STATUS_PORT").map { .string($0) } ?? .null], "port", 15021)
    drainDuration =
      (configured("terminationDrainDuration")
      ?? text("TERMINATION_DRAIN_DURATION_SECONDS").map {
        "\($0)s"
      }).flatMap(GoDuration.parse) ?? .seconds(5)
    certificateLifetime =
      text("SECRET_TTL").flatMap(GoDuration.parse)?.components.seconds ?? 24 * 3600
    graceRatio = text("SECRET_GRACE_PERIOD_RATIO").flatMap(Double.init) ?? 0.5
    guard (0..<1).contains(graceRatio) else {
      throw FlagError("SECRET_GRACE_PERIOD_RATIO is a share, from 0 to below 1.")
    }
    var arguments = ["--log-level", String(line["proxyLogLevel"].prefix { $0 != "," })]
    if !line["proxyComponentLogLevel"].isEmpty {
      arguments += ["--component-log-level", line["proxyComponentLogLevel"]]
    }
    let flag = Int(line["concurrency"]) ?? 0
    let workers = flag > 0 ? flag : proxy["concurrency"]?.integer.map(Int.init) ?? 0
    if workers > 0 { arguments += ["--concurrency", "\(workers)"] }
    envoyArguments = arguments
    logs = LogOptions()
    logs.outputLevel = line["log_output_level"]
    logs.format = line.isTrue("log_as_json") ? .json : .console
  }

  /// The proxy's configuration, as the injector writes it: YAML or JSON.
  private static func proxyConfig(_ text: String?) throws(FlagError) -> JSONObject {
    guard let text else { return JSONObject() }
    let stream = YAML.documents(in: text)
    guard stream.errors.isEmpty, let object = stream.documents.first?.value.object else {
      throw FlagError("PROXY_CONFIG is no YAML object.")
    }
    return object
  }

  private static func port(
    _ object: JSONObject, _ name: String, _ standard: Int
  ) throws(FlagError) -> Int {
    guard let value = object[name], value != .null else { return standard }
    let number = value.integer.map(Int.init) ?? value.string.flatMap(Int.init)
    guard let number, (1...65_535).contains(number) else {
      throw FlagError("\(name) is no port.")
    }
    return number
  }

  private static func port(
    _ values: [String: JSONValue], _ name: String, _ standard: Int
  ) throws(FlagError) -> Int {
    try port(
      JSONObject(distinct: values.map { JSONObject.Member($0.key, $0.value) }), name, standard)
  }

  private static func metadata(
    _ environment: [String: String]
  ) throws(FlagError) -> [String: JSONValue] {
    var metadata: [String: JSONValue] = [:]
    for (name, value) in environment.sorted(by: { $0.key < $1.key }) {
      if name.hasPrefix("ISTIO_METAJSON_") {
        guard let parsed = try? JSONValue(parsing: value) else {
          throw FlagError("\(name) is no JSON.")
        }
        if name.hasPrefix("ISTIO_METAJSON_LABELS") {
          metadata["LABELS"] = parsed
        } else {
          metadata[String(name.dropFirst("ISTIO_METAJSON_".count))] = parsed
        }
      } else if name.hasPrefix("ISTIO_META_") {
        metadata[String(name.dropFirst("ISTIO_META_".count))] = .string(value)
      }
    }
    return metadata
  }
}
