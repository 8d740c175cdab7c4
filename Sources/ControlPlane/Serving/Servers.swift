// SPDX-License-Identifier: Apache-2.0

import DiscoveryServer
import GRPC
import HTTPServer
import Lifecycle
import Logging
import Synchronization

/// The plaintext gRPC port as a service.
final class GRPCService: Service {
  private let server: GRPCServer
  private let discovery: DiscoveryServer
  private let address: String
  private let grace: Duration
  private let log: Logger
  private let serving = Atomic(false)

  init(_ options: ControlPlaneOptions, discovery: DiscoveryServer, log: Logger) throws {
    server = try GRPCServer(configuration: options.grpc, methods: discovery.methods)
    self.discovery = discovery
    address = options.grpcAddress
    grace = options.shutdownDuration
    self.log = log
  }

  /// Whether calls are answered.
  var isServing: Bool { serving.load(ordering: .acquiring) }

  func start() async throws {
    let port = try server.listen(address)
    log.info("xDS is served at \(address) in plaintext (port \(port))")
  }

  func run(until shutdown: ShutdownSignal) async throws {
    let (server, discovery, grace) = (server, discovery, grace)
    shutdown.onRequest {
      discovery.shutDown()
      server.shutDownGracefully(within: grace)
    }
    serving.store(true, ordering: .releasing)
    try await server.run()
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
