// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPServer

@testable import HTTPClient

/// A server and a client for the length of `body`, which gets the server's URL.
func withServer(
  _ handler: @escaping HTTPHandler, body: (HTTPClient, String) async throws -> Void
) async throws {
  let server = try HTTPServer(handler: handler)
  let port = try server.listen("127.0.0.1:0").port
  let client = try HTTPClient()
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { try await server.run() }
    defer { server.stop() }
    try await body(client, "http://127.0.0.1:\(port)")
    server.stop()
    try await group.waitForAll()
  }
}

/// A socket that lets clients connect and never answers.
func withSilentServer(_ body: (String) async throws -> Void) async throws {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  withUnsafeMutablePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      _ = bind(descriptor, $0, length)
      _ = listen(descriptor, 8)
      _ = getsockname(descriptor, $0, &length)
    }
  }
  try await body("http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))")
}
