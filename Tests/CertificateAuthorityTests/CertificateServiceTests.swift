// SPDX-License-Identifier: Apache-2.0

import Authentication
import Cryptography
import EnvoyAPI
import GRPC
import JSON
import Logging
import Metrics
import Testing

@testable import CertificateAuthority

/// Believes the token `good`.
private struct OneToken: CallerAuthenticator {
  let name = "OneToken"

  func authenticate(
    _ credentials: CallerCredentials
  ) async throws(AuthenticationFailure) -> Caller {
    guard credentials.bearerToken == "good",
      let id = SpiffeID("spiffe://cluster.local/ns/default/sa/reviews")
    else { throw AuthenticationFailure("no good token") }
    return Caller(.token, [id])
  }
}

struct CertificateServiceTests {
  private let registry = MetricsRegistry()
  private let service: CertificateService
  private let folder: AuthorityFolder

  init() throws {
    folder = try AuthorityFolder()
    try folder.plugIn()
    let authority = CertificateAuthority(
      try folder.load(), policy: IssuingPolicy(), now: { AuthorityFolder.now })
    service = CertificateService(
      authority, authenticators: AuthenticatorChain([OneToken()]),
      metrics: CertificateMetrics(registry), logs: try LogSystem(LogOptions(), sinks: []))
  }

  private func request(
    _ csr: [UInt8], lifetime: Int64 = 0, metadata: JSONObject? = nil
  ) -> GRPCMessage {
    Arena.scope { arena in
      GRPCMessage(
        Envoy.IstioCertificateRequest(arena) {
          $0.csr = csr
          $0.validityDuration = lifetime
          $0.metadata = metadata
        }.packed)
    }
  }

  /// The certificates of the answer.
  private func ask(_ message: GRPCMessage, token: String? = "good") async throws -> [String] {
    let transport = InProcessTransport(methods: service.methods)
    var metadata = GRPCMetadata()
    if let token { metadata.add("authorization", "Bearer \(token)") }
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await transport.run() }
      defer { transport.shutDown() }
      let reply = try await transport.unary(
        "/istio.v1.auth.IstioCertificateService/CreateCertificate", message, metadata: metadata)
      return try reply.array.withUnsafeBytes { buffer in
        try Arena.scope { arena in
          Array(try Envoy.IstioCertificateResponse(unpacking: buffer, in: arena).certChain)
        }
      }
    }
  }

  private func refusal(_ message: GRPCMessage, token: String? = "good") async -> GRPCStatus? {
    do {
      _ = try await ask(message, token: token)
      return nil
    } catch {
      return error as? GRPCStatus
    }
  }

  @Test func theCallersIdentityIsSignedWithTheWholeChain() async throws {
    let key = try PrivateKey(generating: .p256)
    let csr = try CertificateRequest(for: key)
    for bytes in [Array(csr.pem.utf8), csr.der] {
      let chain = try await ask(request(bytes, lifetime: 3600))
      #expect(chain.count == 4 && chain.last == folder.root.pem)
      let leaf = try Certificate(pem: Array(chain[0].utf8))
      #expect(leaf.uris == ["spiffe://cluster.local/ns/default/sa/reviews"])
      #expect(try leaf.publicKey().matches(key.publicKey()))
      #expect(leaf.notAfter == AuthorityFolder.now + 3600)
      try leaf.verify(
        intermediates: [folder.signer], roots: [folder.root], at: AuthorityFolder.now)
    }
    #expect(registry.exposition().contains("citadel_server_success_cert_issuance_count 2"))
  }

  @Test func strangersGetNothing() async throws {
    let csr = try CertificateRequest(for: PrivateKey(generating: .p256))
    let message = request(Array(csr.pem.utf8))
    for token in [nil, "bad"] {
      let refusal = await refusal(message, token: token)
      #expect(refusal == GRPCStatus(.unauthenticated, "request authenticate failure"))
    }
    #expect(registry.exposition().contains("citadel_server_authentication_failure_count 2"))
  }

  @Test func impersonationIsRefused() async throws {
    let csr = try CertificateRequest(for: PrivateKey(generating: .p256))
    let other: JSONObject = JSONObject(distinct: [
      .init("ImpersonatedIdentity", "spiffe://cluster.local/ns/kube-system/sa/admin")
    ])
    let refusal = await refusal(request(Array(csr.pem.utf8), metadata: other))
    #expect(
      refusal
        == GRPCStatus(.unauthenticated, "request impersonation authentication failure"))
  }

  @Test func badRequestsAreInvalidArguments() async throws {
    let der = try CertificateRequest(for: PrivateKey(generating: .p256)).der
    for bytes in [[], Array("no csr".utf8), der + [0], Array(der.dropLast())] {
      #expect(await refusal(request(bytes))?.code == .invalidArgument)
    }
    #expect(await refusal(GRPCMessage([0xff, 0xff]))?.code == .invalidArgument)
  }
}
