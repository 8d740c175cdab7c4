// SPDX-License-Identifier: Apache-2.0

import DiscoveryServer
import GRPC
import HTTPServer
import Lifecycle
import Logging
import Synchronization

/// One gRPC port as a service.
final class GRPCService: Service {
  private let server: GRPCServer
  private let discovery: DiscoveryServer
  private let address: String
  private let credentials: GRPCServerCredentials
  private let grace: Duration
  private let log: Logger
  private let serving = Atomic(false)
  private let ready: @Sendable () async -> Void

  /// A port that answers some methods; `discovery` ends its streams when the port is to close.
  ///
  /// - Parameter ready: Returns when the port may be opened.
  init(
    _ options: ControlPlaneOptions, at address: String,
    credentials: GRPCServerCredentials = .plaintext, methods: [GRPCMethod],
    discovery: DiscoveryServer, log: Logger, ready: @escaping @Sendable () async -> Void = {}
  ) throws {
    self.ready = ready
    server = try GRPCServer(configuration: options.grpc, methods: methods)
    self.discovery = discovery
    self.address = address
    self.credentials = credentials
    grace = options.shutdownDuration
    self.log = log
  }

  /// Whether calls are answered.
  var isServing: Bool { serving.load(ordering: .acquiring) }

  func start() async throws {
    await ready()
    guard !Task.isCancelled else { return }
    let port = try server.listen(address, credentials: credentials)
    let how = if case .tls = credentials { "by TLS" } else { "in plaintext" }
    log.info("xDS is served at \(address) \(how) (port \(port))")
  }

  func run(until shutdown: ShutdownSignal) async throws {
    let (server, discovery, grace) = (server, discovery, grace)
    serving.store(true, ordering: .releasing)
    try await withThrowingTaskGroup { group in
      group.addTask {
        // The C core cannot ask one connection at a time to go: so streams end one by one, and then
        // all connections.
        await shutdown.wait()
        let began = ContinuousClock.now
        let last = discovery.shutDown(within: grace * 0.8)
        try? await ContinuousClock().sleep(until: last)
        server.shutDownGracefully(within: grace - (.now - began))
      }
      group.addTask { await discovery.run() }
      try await server.run()
      group.cancelAll()
    }
  }
}

/// One HTTP port as a service.
final class HTTPService: Service {
  private let server: HTTPServer
  private let address: String
  private let purpose: String
  private let log: Logger

  init(_ purpose: String, at address: String, router: HTTPRouter, log: Logger) throws {
    server = try HTTPServer(router: router)
    self.address = address
    self.purpose = purpose
    self.log = log
  }

  func start() async throws {
    let bound = try server.listen(address)
    log.info("\(purpose) at \(bound)")
  }

  func run(until shutdown: ShutdownSignal) async throws {
    let server = server
    shutdown.onRequest { server.stop() }
    try await server.run()
  }
}
