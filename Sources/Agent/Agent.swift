// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import Flags
import GRPC
import Glibc
import HTTPServer
import JSON
import Lifecycle
import Logging
import StateDirectory

/// The agent's command line: `navarch-agent proxy sidecar|router FLAGS`, and what people and containers'
/// hooks ask of an agent that runs.
public enum Agent {
  /// Runs a command line (without the program's name); returns the exit status, which is Envoy's.
  public static func main(arguments: [String], environment: [String: String]) async -> Int32 {
    // Names are the system's matter: its hosts file first, which machines without a mesh's DNS rely on.
    setenv("GRPC_DNS_RESOLVER", "native", 0)
    do {
      let help = Flag("help", .truth, "false", short: "h", "Say this and end")
      let line = try FlagValues(
        arguments, flags: AgentOptions.flags + AgentCommands.flags + [help])
      if line.isTrue("help") || line.words == ["help"] { return AgentCommands.say(usage) }
      switch line.words.first {
      case "proxy": return try await proxy(line, environment)
      case "wait": return try await AgentCommands.wait(line)
      case "request": return try await AgentCommands.request(line)
      default:
        throw FlagError("The command is: navarch-agent proxy sidecar|router; see --help.")
      }
    } catch {
      AgentCommands.complain("navarch-agent: \(error)")
      return 1
    }
  }

  private static func proxy(
    _ line: FlagValues, _ environment: [String: String]
  ) async throws -> Int32 {
    let role = line.words.count == 1 ? "sidecar" : line.words[1]
    guard line.words.count <= 2, ["sidecar", "router"].contains(role) else {
      throw FlagError("The command is: navarch-agent proxy sidecar|router; see --help.")
    }
    let options = try AgentOptions(line, role: role, environment: environment)
    return try await run(options, unknown: line.unknown)
  }

  private static func run(_ options: AgentOptions, unknown: [String]) async throws -> Int32 {
    let logs = try LogSystem(options.logs)
    let log = logs.scope()
    for flag in unknown { log.warn("the flag \(flag) is not known and has no effect") }
    for warning in options.bootstrap.warnings { log.warn(warning) }
    guard let signals = ProcessSignals() else {
      throw FlagError("The system does not let signals be handled.")
    }
    let folder = try StateDirectory(options.folder)
    let socket = folder.path("agent.sock")
    let metrics = AgentMetrics()
    let secrets = SecretServer(mounted: options.mountedCertificates)
    let names = try names(options, metrics, logs)
    let relay = ConfigurationRelay(
      options.certificates, handlers: handlers(options, secrets, names), metrics: metrics,
      log: logs.scope("xdsproxy", "XDS Proxy in the agent"))
    let control = EnvoyControl()
    let envoy = EnvoyService(
      options, bootstrap: folder.path("bootstrap.json"), socket: socket, control: control, log: log)
    let page = try statusPages(options, metrics, secrets, names, control, log)
    if let path = options.grpcBootstrap {
      try FileBytes.replace(path, GRPCBootstrap.make(options, socket: socket).utf8(.pretty))
    }
    var members: [(name: String, service: any Service)] = [
      ("memory", ProgramMemory()),
      ("sockets", try AgentSockets(secrets.methods + relay.methods, at: socket, log: log)),
      ("status", page),
    ]
    if let socket = options.sockets.identity {
      log.info("Envoy has the workload's certificate from \(socket); files alone are served here")
    } else {
      members.append(("certificate", renewal(options, secrets, metrics, logs)))
    }
    if let names { members.append(("names", names)) }
    members.append(("envoy", envoy))
    do {
      try await ServiceGroup(
        members, shutdownDuration: options.longestShutdown, signals: signals.stream, logger: log
      ).run()
    } catch {
      // Where Envoy has ended, or somebody asked the agent to, the rest ends with it.
      guard let status = envoy.exitStatus else { throw error }
      return status
    }
    return envoy.exitStatus ?? 0
  }

  private static func names(
    _ options: AgentOptions, _ metrics: AgentMetrics, _ logs: LogSystem
  ) throws -> DNSProxy? {
    guard let names = options.names else { return nil }
    let settings = try names.settings(
      ResolverSettings(file: "/etc/resolv.conf"), namespace: options.namespace,
      domain: options.dnsDomain)
    return try DNSProxy(settings, metrics: metrics, log: logs.scope("dns", "DNS proxy"))
  }

  private static func handlers(
    _ options: AgentOptions, _ secrets: SecretServer, _ names: DNSProxy?
  ) -> [(type: ResourceType, handle: AgentSubscriptions.Handler)] {
    var handlers: [(type: ResourceType, handle: AgentSubscriptions.Handler)] = []
    if let names { handlers.append((.nameTable, { try names.update($0) })) }
    if options.asksForRoots { handlers.append((.proxyConfig, { try secrets.trust(message: $0) })) }
    return handlers
  }

  private static func renewal(
    _ options: AgentOptions, _ secrets: SecretServer, _ metrics: AgentMetrics, _ logs: LogSystem
  ) -> Renewal {
    let log = logs.scope("cache", "the workload's certificate")
    let output = options.certificates.outputFolder.map { folder in
      OutputCertificates(
        folder: folder, isShared: options.certificates.isOutputShared, log: log)
    }
    return Renewal(
      options: options.certificates, secrets: secrets, metrics: metrics, output: output, log: log)
  }

  private static func statusPages(
    _ options: AgentOptions, _ metrics: AgentMetrics, _ secrets: SecretServer, _ names: DNSProxy?,
    _ control: EnvoyControl, _ log: Logger
  ) throws -> StatusPages {
    let merged = MergedMetrics(
      metrics: metrics, envoy: options.isEnvoyDisabled ? nil : EnvoyAdmin(port: options.adminPort),
      application: try MergedMetrics.Application(options.scraping, statusPort: options.statusPort),
      log: log)
    let probes = try AppProbes(
      options.probes, destination: options.addresses[0], statusPort: options.statusPort)
    let parts = StatusPages.Parts(
      probes: probes, metrics: merged, secrets: secrets, names: names, envoy: control,
      areMetricsLocal: options.areMetricsLocal, log: log)
    return try StatusPages(parts, port: options.statusPort)
  }

  private static let usage = """
    The agent starts an Envoy beside a workload, proves to the control plane who it is, and keeps its
    certificate fresh.

    Usage:
      navarch-agent proxy sidecar|router [flags]
      navarch-agent wait [--url URL] [--timeoutSeconds N]     until the agent's Envoy is ready
      navarch-agent request METHOD PATH                       asks the admin page of the agent's Envoy

    Flags:
    \((AgentOptions.flags + AgentCommands.flags).map { "  --\($0.name)  \($0.help)" }
      .joined(separator: "\n"))

    The environment is pilot-agent's: POD_NAME, POD_NAMESPACE, INSTANCE_IP, SERVICE_ACCOUNT, PROXY_CONFIG,
    CA_ADDR, CA_ROOT_CA, XDS_ROOT_CA, ISTIOD_SAN, PROV_CERT, FILE_MOUNTED_CERTS, OUTPUT_CERTS, SECRET_TTL,
    SECRET_GRACE_PERIOD_RATIO, SECRET_GRACE_PERIOD_RATIO_JITTER, ENVOY_STATUS_PORT, ENVOY_PROMETHEUS_PORT,
    ISTIO_KUBE_APP_PROBERS, ISTIO_PROMETHEUS_ANNOTATIONS, METRICS_LOCALHOST_ACCESS_ONLY,
    EXIT_ON_ZERO_ACTIVE_CONNECTIONS, MINIMUM_DRAIN_DURATION, TERMINATION_DRAIN_DURATION_SECONDS,
    WORKLOAD_IDENTITY_SOCKET_FILE, ISTIO_CPU_LIMIT, ISTIO_DELTA_XDS, ISTIO_DUAL_STACK, HOST_IP, ENVOY_STATUS_PORT_ENABLE_PROXY_PROTOCOL,
    HTTP_STRIP_FRAGMENT_FROM_PATH_UNSAFE_IF_DISABLED, ENVOY_SKIP_DEPRECATED_LOGS,
    PROXY_CONFIG_XDS_AGENT, DNS_PROXY_ADDR, DNS_FORWARD_PARALLEL, DNS_FORWARD_TIMEOUT, DISABLE_ENVOY,
    GRPC_XDS_BOOTSTRAP, ISTIO_BOOTSTRAP_OVERRIDE, XDS_HEADER_…, CA_HEADER_…, ISTIO_META_…, ISTIO_METAJSON_….
    JWT_PATH is ours: the token's file (./var/run/secrets/tokens/istio-token).
    """
}

/// The Unix socket that Envoy gets everything from.
final class AgentSockets: Service {
  private let server: GRPCServer
  private let path: String
  private let log: Logger

  init(_ methods: [GRPCMethod], at path: String, log: Logger) throws {
    var configuration = GRPCServerConfiguration()
    configuration.maxReceiveMessageSize = 64 << 20
    configuration.completionQueues = 1
    server = try GRPCServer(configuration: configuration, methods: methods)
    self.path = path
    self.log = log
  }

  func start() async throws {
    unlink(path)
    try server.listen("unix:\(path)")
    chmod(path, 0o600)
    log.info("secrets and configuration are served at \(path)")
  }

  func run(until shutdown: ShutdownSignal) async throws {
    let server = server
    shutdown.onRequest { server.shutDownGracefully(within: .zero) }
    try await server.run()
  }
}
