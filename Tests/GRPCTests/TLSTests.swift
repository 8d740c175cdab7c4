// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import GRPC

/// TLS with certificates made by the `openssl` command.
@Suite(.timeLimit(.minutes(1)))
struct TLSTests {
  @Test func newConnectionsGetTheNewCertificate() async throws {
    let one = try TestAuthority("one")
    let two = try TestAuthority("two")
    let provider = TLSIdentityProvider(try one.issue("server.test"))
    try await withServer("127.0.0.1:0", credentials: .tls(provider)) { _, port in
      let old = try channel(port, trusting: one)
      #expect(try await reaches(old))
      #expect(try await !reaches(channel(port, trusting: two)))
      provider.update(try two.issue("server.test"))
      #expect(try await reaches(channel(port, trusting: two)))
      #expect(try await !reaches(channel(port, trusting: one)))
      #expect(try await reaches(old))
    }
  }

  @Test func aBrokenUpdateKeepsTheOldCertificate() async throws {
    let authority = try TestAuthority("one")
    let provider = TLSIdentityProvider(try authority.issue("server.test"))
    try await withServer("127.0.0.1:0", credentials: .tls(provider)) { _, port in
      provider.update(TLSIdentity(certificateChainPEM: "no", privateKeyPEM: "no"))
      let reached = try await reaches(channel(port, trusting: authority))
      #expect(reached)
    }
  }

  @Test func aBrokenCertificateIsAnErrorOfListen() throws {
    let identity = TLSIdentity(certificateChainPEM: "no", privateKeyPEM: "no")
    let server = try GRPCServer(methods: [])
    #expect {
      try server.listen("127.0.0.1:0", credentials: .tls(TLSIdentityProvider(identity)))
    } throws: {
      "\($0)".contains("the TLS certificate, key and roots are not valid")
    }
  }

  @Test(arguments: [true, false])
  func clientCertificate(_ required: Bool) async throws {
    let authority = try TestAuthority("one")
    let stranger = try TestAuthority("stranger")
    var identity = try authority.issue("server.test")
    identity.trustedRootsPEM = authority.certificate
    let provider = TLSIdentityProvider(
      identity, clientCertificate: required ? .required : .optional)
    let method = GRPCMethod.unary(Echo.unary) { _, call in
      GRPCMessage(Array((call.peerCertificatePEM ?? "none").utf8))
    }
    try await withServer("127.0.0.1:0", [method], credentials: .tls(provider)) { _, port in
      let client = try authority.issue("client.test")
      #expect(try await answer(channel(port, trusting: authority, client)) == lines(client))
      let bare = try await answer(channel(port, trusting: authority))
      #expect(bare == (required ? nil : ["none"]))
      let wrong = try stranger.issue("client.test")
      #expect(try await answer(channel(port, trusting: authority, wrong)) == nil)
    }
  }

  private func lines(_ identity: TLSIdentity) -> [String] {
    identity.certificateChainPEM.split(separator: "\n").map(String.init)
  }

  private func channel(
    _ port: Int, trusting authority: TestAuthority, _ identity: TLSIdentity? = nil
  ) throws -> GRPCChannel {
    try GRPCChannel(
      "127.0.0.1:\(port)",
      credentials: .tls(
        rootsPEM: authority.certificate, identity: identity, serverName: "server.test"))
  }

  /// The lines of the answer; `nil` where the server cannot be reached.
  private func answer(_ channel: GRPCChannel) async throws -> [String]? {
    do {
      let reply = try await channel.unary(Echo.unary, GRPCMessage([1]))
      return String(decoding: reply.array, as: UTF8.self).split(separator: "\n").map(String.init)
    } catch {
      #expect(error.code == .unavailable)
      return nil
    }
  }

  private func reaches(_ channel: GRPCChannel) async throws -> Bool {
    try await answer(channel) != nil
  }
}

/// A certificate authority for one test, in a directory of its own.
final class TestAuthority: Sendable {
  let certificate: String
  private let directory: URL

  init(_ name: String) throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent(
      "grpc-ca-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try openssl(
      directory, "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2",
      "-keyout ca.key -out ca.pem -subj /CN=\(name)")
    certificate = try String(contentsOf: directory.appending(path: "ca.pem"), encoding: .utf8)
  }

  deinit { try? FileManager.default.removeItem(at: directory) }

  /// A certificate for a name, which this authority signs.
  func issue(_ name: String) throws -> TLSIdentity {
    let leaf = UUID().uuidString
    try openssl(
      directory, "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1",
      "-keyout \(leaf).key -out \(leaf).pem -subj /CN=\(name) -CA ca.pem -CAkey ca.key",
      "-addext subjectAltName=DNS:\(name) -addext basicConstraints=critical,CA:FALSE")
    func read(_ file: String) throws -> String {
      try String(contentsOf: directory.appending(path: file), encoding: .utf8)
    }
    return try TLSIdentity(
      certificateChainPEM: read("\(leaf).pem"), privateKeyPEM: read("\(leaf).key"))
  }
}

private func openssl(_ directory: URL, _ arguments: String...) throws {
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/openssl")
  process.arguments = arguments.flatMap { $0.split(separator: " ").map(String.init) }
  process.currentDirectoryURL = directory
  process.standardError = FileHandle.nullDevice
  try process.run()
  process.waitUntilExit()
  try #require(process.terminationStatus == 0)
}
