// SPDX-License-Identifier: Apache-2.0

import Flags
import GRPC
import Glibc
import HTTPServer
import JSON
import Lifecycle
import Logging
import StateDirectory
import Synchronization

/// The agent's command line: `navarch-agent proxy sidecar|router FLAGS`.
public enum Agent {
  /// Runs a command line (without the program's name); returns the exit status, which is Envoy's.
  public static func main(arguments: [String], environment: [String: String]) async -> Int32 {
    do {
      let help = Flag("help", .truth, "false", short: "h", "Say this and end")
      let line = try FlagValues(arguments, flags: AgentOptions.flags + [help])
      if line.isTrue("help") || line.words == ["help"] { return say(usage) }
      guard line.words.count == 2, line.words[0] == "proxy",
        ["sidecar", "router"].contains(line.words[1])
      else { throw FlagError("The command is: navarch-agent proxy sidecar|router; see --help.") }
      let options = try AgentOptions(line, role: line.words[1], environment: environment)
      return try await run(options, unknown: line.unknown)
    } catch {
      write("navarch-agent: \(error)\n", to: STDERR_FILENO)
      return 1
    }
  }

  private static func run(_ options: AgentOptions, unknown: [String]) async throws -> Int32 {
    let logs = try LogSystem(options.logs)
    let log = logs.scope()
    for flag in unknown { log.warn("the flag \(flag) is not known and has no effect") }
    guard let signals = ProcessSignals() else {
      throw FlagError("The system does not let signals be handled.")
    }
    let folder = try StateDirectory(options.folder)
    let socket = folder.path("agent.sock")
    let secrets = SecretServer()
    let relay = try ConfigurationRelay(
      options, log: logs.scope("xdsproxy", "XDS Proxy in the agent"))
    let requester = CertificateRequester(options)
    let envoy = EnvoyService(
      options, bootstrap: folder.path("bootstrap.json"), socket: socket, log: log)
    let pages = { (port: Int) in
      try StatusPages(envoy: EnvoyAdmin(port: options.adminPort), secrets: secrets, port: port)
    }
    let members: [(name: String, service: any Service)] = [
      ("sockets", try AgentSockets(secrets.methods + relay.methods, at: socket, log: log)),
      ("status", try pages(options.statusPort)), ("readiness", try pages(options.readinessPort)),
      (
        "certificate",
        Renewal(
          requester: requester, secrets: secrets, graceRatio: options.graceRatio,
          log: logs.scope("cache", "the workload's certificate"))
      ), ("envoy", envoy),
    ]
    try await ServiceGroup(
      members, shutdownDuration: options.drainDuration + .seconds(10), signals: signals.stream,
      logger: log
    ).run()
    return envoy.exitStatus
  }

  private static let usage = """
    The agent starts an Envoy beside a workload, proves to the control plane who it is, and keeps its
    certificate fresh.

    Usage:
      navarch-agent proxy sidecar|router [flags]

    Flags:
    \(AgentOptions.flags.map { "  --\($0.name)  \($0.help)" }.joined(separator: "\n"))

    The environment is pilot-agent's: POD_NAME, POD_NAMESPACE, INSTANCE_IP, SERVICE_ACCOUNT,
    PROXY_CONFIG, CA_ADDR, CA_ROOT_CA, JWT_PATH, ISTIOD_SAN, TRUST_DOMAIN, SECRET_TTL,
    SECRET_GRACE_PERIOD_RATIO, TERMINATION_DRAIN_DURATION_SECONDS, ISTIO_META_…, ISTIO_METAJSON_….
    """

  private static func say(_ text: String) -> Int32 {
    write(text + "\n", to: STDOUT_FILENO)
    return 0
  }

  private static func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    _ = Glibc.write(descriptor, bytes, bytes.count)
  }
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

/// Readiness and metrics.
final class StatusPages: Service {
  private let server: HTTPServer
  private let port: Int

  init(envoy: EnvoyAdmin, secrets: SecretServer, port: Int) throws {
    var router = HTTPRouter()
    router.on(.get, "/healthz/ready") { _ in
      guard secrets.hasIdentity else { return .text("no certificate yet\n", status: 503) }
      return envoy.isReady ? .text("") : .text("Envoy is not ready\n", status: 503)
    }
    router.on(.get, "/stats/prometheus") { _ in
      .text(envoy.metrics, contentType: "text/plain; version=0.0.4; charset=utf-8")
    }
    server = try HTTPServer(router: router)
    self.port = port
  }

  func start() async throws { _ = try server.listen(":\(port)") }

  func run(until shutdown: ShutdownSignal) async throws {
    let server = server
    shutdown.onRequest { server.stop() }
    try await server.run()
  }
}

/// Envoy's life: started when the sockets answer, drained and ended when the agent is to end.
final class EnvoyService: Service {
  private let options: AgentOptions
  private let bootstrap: String
  private let socket: String
  private let log: Logger
  private let status = Atomic<Int32>(0)

  init(_ options: AgentOptions, bootstrap: String, socket: String, log: Logger) {
    self.options = options
    self.bootstrap = bootstrap
    self.socket = socket
    self.log = log
  }

  /// The status that Envoy ended with.
  var exitStatus: Int32 { status.load(ordering: .relaxed) }

  func run(until shutdown: ShutdownSignal) async throws {
    let text = Bootstrap.make(options, socket: socket).utf8(.pretty)
    try FileBytes.replace(bootstrap, text)
    let envoy = try EnvoyProcess(
      options.envoyPath,
      ["-c", bootstrap, "--disable-hot-restart", "--drain-time-s", "\(max(1, drainSeconds))"]
        + options.envoyArguments)
    let (asked, sender) = AsyncStream.makeStream(of: Void.self)
    shutdown.onRequest { sender.finish() }
    let ended = await withTaskGroup(of: Int32?.self) { group in
      group.addTask { await envoy.waitForEnd() }
      group.addTask {
        for await _ in asked {}
        return nil
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
    if let ended {
      status.store(ended, ordering: .relaxed)
      log.error("Envoy ended by itself with status \(ended)")
      return
    }
    await end(envoy)
  }

  private var drainSeconds: Int64 { options.drainDuration.components.seconds }

  /// Lets Envoy finish what is under way, then ends it.
  private func end(_ envoy: EnvoyProcess) async {
    log.info("draining Envoy for \(options.drainDuration)")
    EnvoyAdmin(port: options.adminPort).drain()
    if await envoy.waitForEnd(within: options.drainDuration) == nil {
      envoy.signal(SIGTERM)
      if await envoy.waitForEnd(within: .seconds(5)) == nil { envoy.signal(SIGKILL) }
      _ = await envoy.waitForEnd(within: .seconds(2))
    }
    log.info("Envoy has ended")
  }
}
