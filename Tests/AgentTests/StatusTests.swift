// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import EnvoyAPI
import GRPC
import HTTPServer
import Logging
import Synchronization
import Testing

@testable import Agent

struct AppProbesTests {
  private static let loopback = IPAddress(bytes: [127, 0, 0, 1])

  @Test(arguments: [
    "[", #"{"/x": {"tcpSocket": {"port": 1}}}"#, #"{"/app-health/a/livez": {}}"#,
    #"{"/app-health/a/livez": {"tcpSocket": {"port": "http"}}}"#,
    #"{"/app-health/a/livez": {"tcpSocket": {"port": 1}, "grpc": {"port": 1}}}"#,
  ])
  func mistakesAreSaid(text: String) {
    #expect(throws: AgentError.self) {
      try AppProbes(text, destination: AppProbesTests.loopback, statusPort: 15_020)
    }
  }

  /// Runs `body` beside an application that answers by `router`.
  private func withApplication(
    _ router: HTTPRouter, _ body: @escaping @Sendable (UInt16) async throws -> Void
  ) async throws {
    let server = try HTTPServer(router: router)
    let port = try server.listen("127.0.0.1:0").port
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      defer { server.stop() }
      try await body(port)
    }
  }

  private func status(_ probes: AppProbes, _ path: String) async throws -> Int {
    let request = try #require(
      HTTPRequest(.get, path, headers: ["Host": "pod:15020", "X-Probe": "yes"]))
    return await probes.respond(to: request).status
  }

  @Test func theApplicationIsAskedWhatTheKubeletAsks() async throws {
    var router = HTTPRouter()
    let seen = Mutex<HTTPRequest?>(nil)
    router.on(.get, "/live") { request in
      seen.withLock { $0 = request }
      return HTTPResponse(status: 200)
    }
    router.on(.get, "/ill") { _ in HTTPResponse(status: 503) }
    router.on(.get, "/moved") { _ in HTTPResponse(status: 302, headers: ["Location": "/ill"]) }
    router.on(.get, "/away") { _ in
      HTTPResponse(status: 302, headers: ["Location": "https://example.com/"])
    }
    try await withApplication(router) { port in
      let limit = #""timeoutSeconds": 30"#
      let http = { (path: String) in
        #"{"httpGet": {"port": \#(port), "path": "\#(path)"}, \#(limit)}"#
      }
      let text = """
        {"/app-health/a/livez": \(http("/live")), "/app-health/b/livez": \(http("ill")),
         "/app-health/c/livez": \(http("/moved")), "/app-health/d/readyz": \(http("/away")),
         "/app-health/e/startupz": {"tcpSocket": {"port": \(port)}, \(limit)},
         "/app-health/f/livez": {"httpGet": {"port": \(port), "scheme": "HTTPS"}, \(limit)},
         "/app-health/g/livez": {"grpc": {"port": \(port)}, \(limit)}}
        """
      let probes = try AppProbes(
        text, destination: AppProbesTests.loopback, statusPort: 15_020)
      #expect(try await status(probes, "/app-health/a/livez") == 200)
      #expect(try await status(probes, "/app-health/b/livez") == 503)
      #expect(try await status(probes, "/app-health/c/livez") == 503)
      #expect(try await status(probes, "/app-health/d/readyz") == 200)
      #expect(try await status(probes, "/app-health/e/startupz") == 200)
      // It speaks neither TLS nor HTTP/2.
      #expect(try await status(probes, "/app-health/f/livez") == 500)
      #expect(try await status(probes, "/app-health/g/livez") == 500)
      #expect(try await status(probes, "/app-health/none/livez") == 400)
      let request = try #require(seen.withLock { $0 })
      #expect(request.headers["Host"] == "pod:\(port)" && request.headers["X-Probe"] == "yes")
      #expect(request.peer.address == "127.0.0.6")
    }
  }

  @Test func nobodyThereIsAFailure() async throws {
    let none = try AppProbes(
      #"{"/app-health/a/livez": {"tcpSocket": {"port": 1}}}"#,
      destination: AppProbesTests.loopback, statusPort: 15_020)
    #expect(try await status(none, "/app-health/a/livez") == 500)
  }

  @Test(arguments: [(1, 200), (2, 500), (0, 500)])
  func healthIsAskedOverGRPC(answer: Int, status expected: Int) async throws {
    let method = GRPCMethod(path: "/grpc.health.v1.Health/Check") { call in
      do throws(GRPCStatus) {
        var requests = call.requests.makeAsyncIterator()
        let name = try await requests.next().flatMap { WireFields($0.array).text(1) }
        guard answer > 0 else { return GRPCStatus(.notFound, "no such service") }
        try await call.write(GRPCMessage([8, UInt8(name == "web" ? answer : 3)]))
        return .ok
      } catch {
        return error
      }
    }
    let server = try GRPCServer(configuration: GRPCServerConfiguration(), methods: [method])
    let port = try server.listen("127.0.0.1:0")
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      defer { server.shutDownGracefully(within: .zero) }
      let text = """
        {"/app-health/a/livez":
          {"grpc": {"port": \(port), "service": "web"}, "timeoutSeconds": 30}}
        """
      let probes = try AppProbes(text, destination: AppProbesTests.loopback, statusPort: 15_020)
      #expect(try await status(probes, "/app-health/a/livez") == expected)
    }
  }
}

struct MergedMetricsTests {
  @Test func theApplicationsPlaceIsRead() throws {
    let place = { (text: String?) in try MergedMetrics.Application(text, statusPort: 15_020) }
    #expect(try place(nil) == nil && place(#"{"scrape": "false"}"#) == nil)
    #expect(try place("{}")?.port == 80 && place("{}")?.path == "/metrics")
    #expect(try place(#"{"scrape":"true","path":"/m","port":"9100"}"#)?.path == "/m")
    #expect(throws: AgentError.self) { try place(#"{"port": "15020"}"#) }
    #expect(throws: AgentError.self) { try place(#"{"port": "http"}"#) }
    #expect(throws: AgentError.self) { try place("[") }
  }

  @Test func theTypeIsTheApplications() {
    #expect(MergedMetrics.contentType(nil) == "text/plain; version=0.0.4; charset=utf-8")
    #expect(MergedMetrics.contentType("text/html") == "text/plain; version=0.0.4; charset=utf-8")
    #expect(
      MergedMetrics.contentType("application/openmetrics-text; version=1.0.0; charset=utf-8")
        == "application/openmetrics-text; version=1.0.0; charset=utf-8")
    #expect(MergedMetrics.query([]).isEmpty)
    #expect(
      MergedMetrics.query([.init("filter", "^a|b c"), .init("usedonly", "")])
        == "?filter=%5Ea%7Cb%20c&usedonly")
  }

  @Test func allPartsStandOnOnePage() async throws {
    var router = HTTPRouter()
    router.on(.get, "/stats/prometheus") { request in
      .text("envoy_metric{q=\"\(request.query("filter") ?? "")\"} 1\n")
    }
    router.on(.get, "/m") { _ in .text("app_metric 2\n") }
    let server = try HTTPServer(router: router)
    let port = try server.listen("127.0.0.1:0").port
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      defer { server.stop() }
      let merged = MergedMetrics(
        metrics: AgentMetrics(), envoy: EnvoyAdmin(port: Int(port)),
        application: try .init(#"{"port":"\#(port)","path":"m"}"#, statusPort: 15_020),
        log: try LogSystem(sinks: []).scope())
      let request = try #require(
        HTTPRequest(
          .get, "/stats/prometheus?filter=x",
          headers: ["X-Prometheus-Scrape-Timeout-Seconds": "60"]))
      let answer = await merged.respond(to: request)
      let text = String(decoding: answer.bodyBytes, as: UTF8.self)
      for part in ["istio_agent_scrapes_total 1", "envoy_metric{q=\"x\"} 1", "app_metric 2"] {
        #expect(text.contains(part), "\(part)")
      }
      let away = MergedMetrics(
        metrics: merged.metrics, envoy: EnvoyAdmin(port: 1),
        application: try .init(#"{"port":"1"}"#, statusPort: 15_020), log: merged.log)
      let rest = String(decoding: await away.respond(to: request).bodyBytes, as: UTF8.self)
      #expect(rest.contains("istio_agent_scrapes_total 2") && !rest.contains("app_metric"))
      #expect(merged.metrics.text.contains(#"scrape_failures_total{type="envoy"} 1"#))
    }
  }
}

struct AgentSubscriptionsTests {
  @Test func theAgentAsksForItsOwnAndEnvoyGetsTheRest() throws {
    let seen = Mutex<[[UInt8]]>([])
    let subscriptions = AgentSubscriptions(
      .delta, [(.nameTable, { resource in seen.withLock { $0.append(resource) } })])
    let listeners = Arena.scope { arena in
      Envoy.DeltaDiscoveryRequest(arena) { $0.typeUrl = ResourceType.listener.url }.packed
    }
    #expect(subscriptions.follows(listeners) && !subscriptions.follows(subscriptions.requests[0]))
    #expect(WireFields(subscriptions.requests[0]).text(2) == ResourceType.nameTable.url)
    let response = { (type: ResourceType) in
      var (any, resource, message) = (WireWriter(), WireWriter(), WireWriter())
      any.string(field: 1, type.url)
      any.field(2, [1, 2, 3])
      resource.field(2, any.bytes)
      message.string(field: 1, "v1")
      message.field(2, resource.bytes)
      message.string(field: 4, type.url)
      message.string(field: 5, "n1")
      return message.bytes
    }
    #expect(subscriptions.acknowledgement(of: response(.cluster)) == nil)
    let answer = try #require(subscriptions.acknowledgement(of: response(.nameTable)))
    #expect(WireFields(answer).text(6) == "n1" && WireFields(answer).bytes(7) == nil)
    #expect(seen.withLock { $0 } == [[1, 2, 3]])
    let refusing = AgentSubscriptions(.delta, [(.nameTable, { _ in throw AgentError("no") })])
    let refusal = try #require(refusing.acknowledgement(of: response(.nameTable)))
    #expect(WireFields(refusal).bytes(7).flatMap { WireFields($0).text(2) } == "no")
    for count in 0..<answer.count { _ = WireFields(Array(answer[..<count])).bytes(7) }
  }
}
