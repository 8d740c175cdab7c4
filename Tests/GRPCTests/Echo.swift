// SPDX-License-Identifier: Apache-2.0

import Bytes
import Foundation
import Testing

@testable import GRPC

/// The ways to reach the handlers under test.
enum Transport: CaseIterable, Sendable {
  case tcp, unix, inProcess
}

/// Methods that most tests share.
enum Echo {
  static let unary = "/test.Echo/Unary"
  static let stream = "/test.Echo/Stream"
  static let fail = "/test.Echo/Fail"

  static let methods = [
    GRPCMethod.unary(unary) { request, _ in request },
    GRPCMethod(path: stream) { call in
      do throws(GRPCStatus) {
        for try await message in call.requests { try await call.write(message) }
        return .ok
      } catch {
        return error
      }
    },
    GRPCMethod(path: fail) { _ in GRPCStatus(.permissionDenied, "not für you\n") },
  ]
}

/// Serves methods over a transport for the length of `body`.
func withClient(
  _ transport: Transport, _ methods: [GRPCMethod] = Echo.methods,
  configuration: GRPCServerConfiguration = .init(),
  _ body: @Sendable (any GRPCClient) async throws -> Void
) async throws {
  switch transport {
  case .inProcess:
    let transport = InProcessTransport(methods: methods)
    try await withThrowingTaskGroup { group in
      group.addTask { await transport.run() }
      defer { transport.shutDown() }
      try await body(transport)
    }
  case .tcp:
    try await withServer("127.0.0.1:0", methods, configuration: configuration) { _, port in
      try await body(GRPCChannel("127.0.0.1:\(port)"))
    }
  case .unix:
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("grpc-\(UUID().uuidString.prefix(8)).sock").path
    try await withServer("unix:\(path)", methods, configuration: configuration) { _, _ in
      try await body(GRPCChannel("unix:\(path)"))
    }
  }
}

/// Serves methods on an address for the length of `body`, which gets the server and its port.
func withServer(
  _ address: String, _ methods: [GRPCMethod] = Echo.methods,
  configuration: GRPCServerConfiguration = .init(),
  credentials: GRPCServerCredentials = .plaintext,
  _ body: @Sendable (GRPCServer, Int) async throws -> Void
) async throws {
  let server = try GRPCServer(configuration: configuration, methods: methods)
  let port = try server.listen(address, credentials: credentials)
  try await withThrowingTaskGroup { group in
    group.addTask { try await server.run() }
    defer { server.shutDownGracefully(within: .zero) }
    try await body(server, port)
  }
}
