// SPDX-License-Identifier: Apache-2.0

import HTTPServer
import JSON
import Lifecycle
import Logging
import Metrics
import Synchronization

/// The agent's port (15020): readiness, metrics, the application's probes, and the end.
final class StatusPages: Service {
  /// What the pages show.
  struct Parts: Sendable {
    var probes: AppProbes
    var metrics: MergedMetrics
    var secrets: SecretServer
    var names: DNSProxy?
    var envoy: EnvoyControl
    /// Whether metrics answer this machine alone (`METRICS_LOCALHOST_ACCESS_ONLY`).
    var areMetricsLocal: Bool
    var log: Logger
  }

  private let server: HTTPServer
  private let port: Int

  init(_ parts: Parts, port: Int) throws {
    let readiness = Readiness(parts)
    var router = HTTPRouter()
    router.on(.get, "/healthz/ready") { _ in
      await readiness.problem.map { .text($0 + "\n", status: 503) } ?? HTTPResponse(status: 200)
    }
    for path in ["/metrics", "/stats/prometheus"] {
      router.on(.get, path) { request in
        guard !parts.areMetricsLocal || request.peer.isLoopback else { return StatusPages.refusal }
        return await parts.metrics.respond(to: request)
      }
    }
    for prefix in ["/app-health/", "/app-lifecycle/"] {
      router.onPrefix(.get, prefix) { await parts.probes.respond(to: $0) }
    }
    let commands: [(String, EnvoyControl.Command)] = [
      ("/quitquitquit", .quit), ("/drain", .drain),
    ]
    for (path, command) in commands {
      router.on(.post, path) { request in
        guard request.peer.isLoopback else { return StatusPages.refusal }
        parts.log.info("\(path) was asked for")
        parts.envoy.send(command)
        return .text("OK")
      }
    }
    router.on(.get, "/debug/ndsz") { request in
      guard request.peer.isLoopback else { return StatusPages.refusal }
      return HTTPResponse(
        contentType: "application/json", bytes: StatusPages.names(parts.names).utf8(.pretty))
    }
    server = try HTTPServer(router: router)
    self.port = port
  }

  private static let refusal = HTTPResponse.text(
    "Only requests from localhost are allowed\n", status: 403)

  private static func names(_ proxy: DNSProxy?) -> JSONValue {
    let table = (proxy?.table ?? [:]).sorted { $0.key < $1.key }.map { name, entry in
      JSONObject.Member(
        name,
        [
          "ips": .array(entry.addresses.map { .string($0) }), "registry": .string(entry.registry),
          "shortname": .string(entry.shortName), "namespace": .string(entry.namespace),
        ])
    }
    return ["table": .object(JSONObject(distinct: table))]
  }

  func start() async throws { _ = try server.listen(":\(port)") }

  func run(until shutdown: ShutdownSignal) async throws {
    let server = server
    shutdown.onRequest { server.stop() }
    try await server.run()
  }
}

/// Whether the proxy can serve, and since when.
private final class Readiness: Sendable {
  private let parts: StatusPages.Parts
  private let began = ContinuousClock.now
  private let wasReady = Mutex(false)

  init(_ parts: StatusPages.Parts) { self.parts = parts }

  /// Why the proxy is not ready; nil where it is.
  var problem: String? {
    get async {
      let problem = await current
      let isReady = problem == nil
      let (didChange, isFirst) = wasReady.withLock { before in
        defer { before = isReady }
        return (before != isReady, parts.metrics.metrics.startupTime.value() == nil)
      }
      guard didChange else { return problem }
      parts.log.info(isReady ? "the proxy is ready" : "the proxy is not ready: \(problem ?? "")")
      if isReady, isFirst {
        parts.metrics.metrics.startupTime.set((.now - began) / .seconds(1))
      }
      return problem
    }
  }

  private var current: String? {
    get async {
      guard parts.secrets.hasIdentity else { return "no certificate yet" }
      if let names = parts.names, !names.isReady { return "no table of names yet" }
      if let envoy = parts.metrics.envoy, !(await envoy.isReady) { return "Envoy is not ready" }
      return nil
    }
  }
}
