// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPServer
import Testing

/// Certificates by OpenSSL's own command.
@Suite struct TLSCredentialsTests {
  struct CommandFailed: Error {}

  static func openssl(_ arguments: [String], input: String = "") async throws -> String {
    try await onThread {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
      process.arguments = arguments
      let (entry, exit) = (Pipe(), Pipe())
      process.standardInput = entry
      process.standardOutput = exit
      process.standardError = FileHandle.nullDevice
      try process.run()
      try entry.fileHandleForWriting.write(contentsOf: Data(input.utf8))
      try entry.fileHandleForWriting.close()
      let output = try exit.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      return String(decoding: output, as: UTF8.self)
    }
  }

  /// A self-signed certificate for `name`, and its key.
  static func identity(_ name: String) async throws -> (certificate: [UInt8], key: [UInt8]) {
    let path = NSTemporaryDirectory() + "navarch-key-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let certificate = try await openssl([
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
      "-subj", "/CN=\(name)", "-days", "1", "-keyout", path,
    ])
    return (Array(certificate.utf8), [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
  }

  static func request(port: UInt16) async throws -> String {
    try await openssl(
      ["s_client", "-connect", "127.0.0.1:\(port)", "-showcerts", "-ign_eof"],
      input: "GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
  }

  @Test func servesAndReloads() async throws {
    let (first, second) = (try await Self.identity("first"), try await Self.identity("second"))
    let credentials = try TLSCredentials(
      certificateChainPEM: first.certificate + second.certificate, keyPEM: first.key)
    var configuration = HTTPServer.Configuration()
    configuration.credentials = credentials
    try await withServer(configuration) {
      .text("path=" + $0.path)
    } _: { (_, port) async throws in
      let before = try await Self.request(port: port)
      #expect(before.contains("path=/hello") && before.contains("subject=CN = first"))
      #expect(before.contains(" 1 s:CN = second"), "the chain is sent whole")

      #expect(throws: HTTPServerError.badCredentials("key values mismatch")) {
        try credentials.reload(certificateChainPEM: second.certificate, keyPEM: first.key)
      }
      #expect(try await Self.request(port: port).contains("subject=CN = first"))

      try credentials.reload(certificateChainPEM: second.certificate, keyPEM: second.key)
      let after = try await Self.request(port: port)
      #expect(after.contains("path=/hello") && after.contains("subject=CN = second"))
    }
  }

  @Test func plaintextIsNotServed() async throws {
    let identity = try await Self.identity("x")
    var configuration = HTTPServer.Configuration()
    configuration.credentials = try TLSCredentials(
      certificateChainPEM: identity.certificate, keyPEM: identity.key)
    try await withServer(configuration) { _ in
      .text("secret")
    } _: { (_, port) async throws in
      await #expect(throws: NoAnswer.self) { try await SocketClient(port: port).ask(.get, "/") }
    }
  }

  @Test func nonsenseIsRefused() async throws {
    let identity = try await Self.identity("x")
    for (certificate, key) in [
      ([], identity.key), (identity.certificate, []), (Array("x".utf8), Array("y".utf8)),
    ] {
      #expect(throws: HTTPServerError.self) {
        try TLSCredentials(certificateChainPEM: certificate, keyPEM: key)
      }
    }
  }
}
