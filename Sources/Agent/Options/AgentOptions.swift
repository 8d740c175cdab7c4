// SPDX-License-Identifier: Apache-2.0

import Flags
import Glibc
import JSON
import Logging

/// What flags and environment ask of an agent, by pilot-agent's names.
struct AgentOptions: Sendable {
  /// How Envoy is drained before it ends.
  struct Drain: Hashable, Sendable {
    /// How long Envoy may finish requests after it was asked to end (`terminationDrainDuration`).
    var duration: Duration
    /// Whether it ends when no connection is open any more, however long that takes
    /// (`EXIT_ON_ZERO_ACTIVE_CONNECTIONS`).
    var endsWithoutConnections: Bool
    /// How long it goes on at least in that case (`MINIMUM_DRAIN_DURATION`).
    var minimum: Duration
  }

  /// What the Envoy beside the agent is for: `sidecar` or `router`.
  var role: String
  var podName: String
  var namespace: String
  var serviceAccount: String
  /// The workload's addresses, its Pod's first.
  var addresses: [IPAddress]
  /// The fourth part of the node id.
  var dnsDomain: String
  /// The node's metadata.
  var metadata: [String: JSONValue]
  var serviceCluster: String
  var proxy: ProxySettings
  var certificates: CertificateOptions
  /// Where sockets and the bootstrap stand.
  var folder: String
  /// The bootstrap to use instead of one's own (`customConfigFile`).
  var customConfigFile: String?
  /// Whether there is no Envoy to start (`DISABLE_ENVOY`): the agent serves gRPC's own clients.
  var isEnvoyDisabled: Bool
  /// Where a bootstrap for gRPC's own clients is written (`GRPC_XDS_BOOTSTRAP`).
  var grpcBootstrap: String?
  var envoyPath: String
  var envoyArguments: [String]
  var adminPort: Int
  var statusPort: Int
  /// Envoy's port of readiness (15021).
  var readinessPort: Int
  /// Envoy's port of metrics (15090).
  var prometheusPort: Int
  var drain: Drain
  /// The DNS proxy's settings but for resolv.conf; nil where there is none.
  var names: NameOptions?
  /// Whether roots are asked for over PCDS (`PROXY_CONFIG_XDS_AGENT`).
  var asksForRoots: Bool
  /// The text of `ISTIO_KUBE_APP_PROBERS`.
  var probes: String?
  /// The text of `ISTIO_PROMETHEUS_ANNOTATIONS`, of a sidecar.
  var scraping: String?
  var areMetricsLocal: Bool
  /// What concerns the bootstrap alone.
  var bootstrap: BootstrapOptions
  /// Who else serves secrets here.
  var sockets: SecretSockets
  var logs: LogOptions

  /// The files that are the workload's own certificate where they are there; nil where the agent itself
  /// writes them.
  var mountedCertificates: CertificateFiles? {
    let mounted = certificates.mounted
    return certificates.outputFolder.map(CertificateFiles.init(folder:)) == mounted ? nil : mounted
  }

  /// How long the end may take at most.
  var longestShutdown: Duration {
    // Connections end when they end: who started the agent decides how long that may take.
    drain.endsWithoutConnections ? .seconds(24 * 3600) : drain.duration + .seconds(10)
  }

  /// The flags of `proxy`.
  static let flags = [
    Flag(
      "domain", .text, "", used: true,
      "DNS domain of the proxy (default NAMESPACE.svc.cluster.local)"),
    Flag(
      "meshConfig", .text, "./etc/istio/config/mesh", used: true,
      "Mesh settings, whose defaultConfig PROXY_CONFIG overrides"),
    Flag("serviceCluster", .text, "", used: true, "Envoy's cluster (node.cluster)"),
    Flag("proxyLogLevel", .text, "warning,misc:error", used: true, "Level of Envoy's log"),
    Flag("proxyComponentLogLevel", .text, "", used: true, "Levels of Envoy's components"),
    Flag(
      "concurrency", .number, "0", used: true, "Number of Envoy's worker threads; 0: its own choice"
    ),
    Flag("outlierLogPath", .text, "", used: true, "Where Envoy logs ejected hosts"),
    Flag("log_output_level", .text, "default:info", used: true, "Least level written, by scope"),
    Flag("log_as_json", .truth, "false", used: true, "Write JSON lines"),
    Flag("log_target", .list, "stdout", used: true, "Where to log: stdout, stderr or paths"),
    Flag("log_caller", .text, "", "Known, and without effect here"),
    Flag("log_stacktrace_level", .text, "default:none", "Known, and without effect here"),
    Flag("stsPort", .number, "0", "Known, and without effect here: no tokens are exchanged"),
    Flag("tokenManagerPlugin", .text, "", "Known, and without effect here"),
    Flag("templateFile", .text, "", "Known, and without effect here: the bootstrap is no template"),
    Flag("profiling", .truth, "true", "Known, and without effect here"),
  ]

  /// - Parameter pod: The folder with the Pod's labels and annotations.
  init(
    _ line: FlagValues, role: String, environment: [String: String],
    pod folder: String = "./etc/istio/pod"
  ) throws(FlagError) {
    let variables = Variables(environment)
    let annotations = PodFiles.pairs(folder + "/annotations")
    let proxy = try AgentOptions.proxy(line, variables, annotations)
    (self.role, self.proxy) = (role, proxy)
    guard let pod = variables.text("POD_NAME"), let space = variables.text("POD_NAMESPACE") else {
      throw FlagError("POD_NAME and POD_NAMESPACE are needed: they name the workload.")
    }
    (podName, namespace) = (pod, space)
    serviceAccount = variables.text("SERVICE_ACCOUNT") ?? "default"
    addresses = try AgentOptions.addresses(variables, annotations)
    dnsDomain = line["domain"].isEmpty ? "\(space).svc.cluster.local" : line["domain"]
    certificates = try CertificateOptions(variables, proxy) { access($0, R_OK) == 0 }
    metadata = try NodeMetadata.read(
      variables, proxy, labels: PodFiles.pairs(folder + "/labels"), annotations: annotations)
    serviceCluster = AgentOptions.serviceCluster(
      line["serviceCluster"], proxy, metadata, namespace: space)
    self.folder = proxy.text("configPath") ?? "./etc/istio/proxy"
    customConfigFile = proxy.text("customConfigFile")
    isEnvoyDisabled = try variables.truth("DISABLE_ENVOY")
    grpcBootstrap = variables.text("GRPC_XDS_BOOTSTRAP")
    envoyPath = proxy.text("binaryPath") ?? "/usr/local/bin/envoy"
    adminPort = try proxy.port("proxyAdminPort", 15000)
    statusPort = try proxy.port("statusPort", 15020)
    readinessPort = try variables.port("ENVOY_STATUS_PORT", 15021)
    prometheusPort = try variables.port("ENVOY_PROMETHEUS_PORT", 15090)
    drain = try AgentOptions.drain(variables, proxy)
    names = try NameOptions(variables, role: role)
    asksForRoots = try variables.truth("PROXY_CONFIG_XDS_AGENT")
    probes = variables.text("ISTIO_KUBE_APP_PROBERS")
    scraping = role == "sidecar" ? variables.text("ISTIO_PROMETHEUS_ANNOTATIONS") : nil
    let isLocal = proxy.entries("proxyMetadata").first {
      $0.key == "METRICS_LOCALHOST_ACCESS_ONLY"
    }
    areMetricsLocal =
      try variables.truth("METRICS_LOCALHOST_ACCESS_ONLY") || isLocal?.value == "true"
    sockets = try SecretSockets(variables)
    bootstrap = try BootstrapOptions(
      line, variables, proxy, metadata: metadata, addresses: addresses)
    envoyArguments = try EnvoyArguments.make(
      line, variables, proxy, isVersion6: addresses.allSatisfy(\.isVersion6))
    logs = LogOptions()
    logs.outputLevel = line["log_output_level"]
    logs.format = line.isTrue("log_as_json") ? .json : .console
    logs.targets = line["log_target"].split(separator: ",").map(String.init)
  }

  private static func proxy(
    _ line: FlagValues, _ variables: Variables, _ annotations: [(key: String, value: String)]
  ) throws(FlagError) -> ProxySettings {
    let annotation = { (name: String) in annotations.first { $0.key == name }?.value }
    // Annotations for one field each, of which the last word is.
    let fields = [
      "sidecar.istio.io/discoveryAddress": "discoveryAddress",
      "status.sidecar.istio.io/port": "statusPort",
    ].compactMap { name, field -> (String, String)? in
      annotation(name).map { text in
        let object = JSONObject(distinct: [.init(field, .string(text))])
        return (
          "the annotation " + name, String(decoding: JSONValue.object(object).utf8(), as: UTF8.self)
        )
      }
    }
    let texts = [
      (
        "defaultConfig of \(line["meshConfig"])", try ProxySettings.ofMesh(file: line["meshConfig"])
      ),
      ("PROXY_CONFIG", variables.text("PROXY_CONFIG")),
      ("the annotation proxy.istio.io/config", annotation("proxy.istio.io/config")),
    ]
    return try ProxySettings(texts.compactMap { name, text in text.map { (name, $0) } } + fields)
  }

  /// `INSTANCE_IP`, several with commas between, and what the machine's interfaces have besides, but for
  /// those that an annotation excludes.
  private static func addresses(
    _ variables: Variables, _ annotations: [(key: String, value: String)]
  ) throws(FlagError) -> [IPAddress] {
    let name = "traffic.sidecar.istio.io/excludeInterfaces"
    let excluded = annotations.first { $0.key == name }?.value.split(separator: ",").map(
      String.init)
    var addresses: [IPAddress] = []
    for text in (variables.text("INSTANCE_IP") ?? "").split(separator: ",") {
      guard let address = IPAddress(String(text)) else {
        throw FlagError("INSTANCE_IP is \"\(text)\", which is no IP address.")
      }
      addresses.append(address)
    }
    for address in IPAddress.ofInterfaces(except: Set(excluded ?? []))
    where !addresses.contains(address) {
      addresses.append(address)
    }
    return addresses.isEmpty ? [IPAddress(bytes: [127, 0, 0, 1])] : addresses
  }

  private static func serviceCluster(
    _ flag: String, _ proxy: ProxySettings, _ metadata: [String: JSONValue], namespace: String
  ) -> String {
    let given = [proxy.text("serviceCluster") ?? "", flag].first {
      !$0.isEmpty && $0 != "istio-proxy"
    }
    if let given { return given }
    let labels = metadata["LABELS"]
    let name =
      labels?["app"]?.string ?? labels?["app.kubernetes.io/name"]?.string
      ?? metadata["WORKLOAD_NAME"]?.string ?? "istio-proxy"
    return "\(name).\(namespace)"
  }

  private static func drain(
    _ variables: Variables, _ proxy: ProxySettings
  ) throws(FlagError) -> Drain {
    var duration = try proxy.duration("terminationDrainDuration")
    if duration == nil, let text = variables.text("TERMINATION_DRAIN_DURATION_SECONDS") {
      guard let seconds = Int(text), seconds >= 0 else {
        throw FlagError("TERMINATION_DRAIN_DURATION_SECONDS is \"\(text)\", which is no number.")
      }
      duration = .seconds(seconds)
    }
    return Drain(
      duration: duration ?? .seconds(5),
      endsWithoutConnections: try variables.truth("EXIT_ON_ZERO_ACTIVE_CONNECTIONS"),
      minimum: try variables.duration("MINIMUM_DRAIN_DURATION") ?? .seconds(5))
  }
}
