// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import Lifecycle
import Logging
import StateDirectory
import Synchronization

/// What others may ask of Envoy's life.
struct EnvoyControl: Sendable {
  /// A wish.
  enum Command: Sendable {
    /// The agent is to end: drain first, unless that was done.
    case shutDown
    /// End at once.
    case quit
    /// Drain now, and not again at the end.
    case drain
    /// Envoy has ended by itself, with a status.
    case ended(Int32)
  }

  let commands: AsyncStream<Command>
  private let sender: AsyncStream<Command>.Continuation

  init() { (commands, sender) = AsyncStream.makeStream(of: Command.self) }

  /// Says a wish.
  func send(_ command: Command) { sender.yield(command) }
}

/// Envoy's life: started when the sockets answer, drained and ended when the agent is to end.
final class EnvoyService: Service {
  private let options: AgentOptions
  private let bootstrap: String
  private let socket: String
  private let control: EnvoyControl
  private let log: Logger
  private let status = Atomic<Int32>(-1)

  /// How long Envoy may take to end when it is told to.
  private static let patience = Duration.seconds(5)

  init(
    _ options: AgentOptions, bootstrap: String, socket: String, control: EnvoyControl, log: Logger
  ) {
    self.options = options
    self.bootstrap = bootstrap
    self.socket = socket
    self.control = control
    self.log = log
  }

  /// The status that Envoy ended with, 0 where it was told to end; nil while it has not.
  var exitStatus: Int32? {
    let status = status.load(ordering: .relaxed)
    return status < 0 ? nil : status
  }

  func run(until shutdown: ShutdownSignal) async throws {
    let control = control
    shutdown.onRequest { control.send(.shutDown) }
    guard !options.isEnvoyDisabled else { return await waitForEnd() }
    let envoy = try launch()
    await withDiscardingTaskGroup { group in
      group.addTask {
        if let status = await envoy.waitForEnd() { control.send(.ended(status)) }
      }
      await live(envoy)
      group.cancelAll()
    }
  }

  private func waitForEnd() async {
    for await command in control.commands {
      switch command {
      case .shutDown, .quit: return status.store(0, ordering: .relaxed)
      case .drain, .ended: continue
      }
    }
  }

  private func launch() throws -> EnvoyProcess {
    var file = bootstrap
    if let custom = options.customConfigFile {
      file = custom
    } else {
      try FileBytes.replace(file, Bootstrap.make(options, socket: socket).utf8(.pretty))
    }
    return try EnvoyProcess(options.envoyPath, ["-c", file] + options.envoyArguments)
  }

  private func live(_ envoy: EnvoyProcess) async {
    var isDrained = false
    for await command in control.commands {
      switch command {
      case .drain:
        log.info("draining Envoy")
        await admin.drain(isInboundOnly: options.role == "sidecar", endsBySelf: false)
        isDrained = true
      case .ended(let status):
        self.status.store(status, ordering: .relaxed)
        log.error("Envoy ended by itself with status \(status)")
        return
      case .quit:
        await end(envoy)
        return status.store(0, ordering: .relaxed)
      case .shutDown:
        if !isDrained { await drain(envoy) }
        return await end(envoy)
      }
    }
  }

  private var admin: EnvoyAdmin { EnvoyAdmin(port: options.adminPort) }

  /// Lets Envoy finish what is under way, for as long as the options say.
  private func drain(_ envoy: EnvoyProcess) async {
    await admin.drain(isInboundOnly: options.role == "sidecar", endsBySelf: true)
    guard options.drain.endsWithoutConnections else {
      log.info("draining Envoy for \(options.drain.duration)")
      _ = await envoy.waitForEnd(within: options.drain.duration)
      return
    }
    log.info("draining Envoy for \(options.drain.minimum), then until no connection is open")
    guard await envoy.waitForEnd(within: options.drain.minimum) == nil else { return }
    var failures = 0
    while failures < 5 {
      guard await envoy.waitForEnd(within: .seconds(1)) == nil else { return }
      let ports = [options.readinessPort, options.prometheusPort]
      switch await admin.activeConnections(without: ports) {
      case 0: return
      case nil: failures += 1
      case let count?:
        failures = 0
        log.info("\(count) connections are open still")
      }
    }
    log.warn("Envoy does not say how many connections are open")
  }

  /// Ends Envoy, by force where it does not on its own.
  private func end(_ envoy: EnvoyProcess) async {
    envoy.signal(SIGTERM)
    if await envoy.waitForEnd(within: EnvoyService.patience) == nil { envoy.signal(SIGKILL) }
    _ = await envoy.waitForEnd(within: .seconds(2))
    log.info("Envoy has ended")
  }
}
