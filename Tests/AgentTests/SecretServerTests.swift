// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import GRPC
import JSON
import Testing

@testable import Agent

struct SecretServerTests {
  private func request(_ names: [String], nonce: String = "") -> GRPCMessage {
    Arena.scope { arena in
      GRPCMessage(
        Envoy.DiscoveryRequest(arena) {
          $0.typeUrl = ResourceType.secret.url
          $0.resourceNames = .init(names)
          $0.responseNonce = nonce
        }.packed)
    }
  }

  private func read(_ message: GRPCMessage?) throws -> (nonce: String, text: String) {
    let bytes = try #require(message).array
    return try bytes.withUnsafeBytes { buffer in
      try Arena.scope { arena in
        let response = try Envoy.DiscoveryResponse(unpacking: buffer, in: arena)
        return (response.nonce, response.json.text())
      }
    }
  }

  @Test func eachStreamGetsEveryCertificate() async throws {
    let server = SecretServer()
    let transport = InProcessTransport(methods: server.methods)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await transport.run() }
      defer { transport.shutDown() }
      let call = transport.stream("/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets")
      try await call.write(request(["default"]))
      var responses = call.responses.makeAsyncIterator()
      var nonces: Set<String> = []
      for number in 1...3 {
        server.set(
          WorkloadIdentity(chainPEM: "chain \(number)", keyPEM: "key", rootsPEM: "roots", end: 0))
        let (nonce, text) = try read(try await responses.next())
        #expect(text.contains("default") && nonces.insert(nonce).inserted)
        try await call.write(request(["default"], nonce: nonce))
      }
      #expect(server.hasIdentity)
      call.cancel()
    }
  }

  @Test func onlyItsOwnNamesAreServed() {
    let view = SecretView(
      identity: WorkloadIdentity(chainPEM: "chain", keyPEM: "key", rootsPEM: "roots", end: 0))
    #expect(view.named(.secret, "default") != nil && view.named(.secret, "ROOTCA") != nil)
    for name in ["", "kubernetes://a", "file-cert:/none", "file-root:/none/at/all"] {
      #expect(view.named(.secret, name) == nil, "\(name)")
    }
    #expect(SecretView().named(.secret, "default") == nil)
    #expect(view.named(.cluster, "default") == nil)
  }
}
