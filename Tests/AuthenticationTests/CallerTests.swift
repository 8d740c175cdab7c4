// SPDX-License-Identifier: Apache-2.0

import Cryptography
import Testing

@testable import Authentication

struct CallerTests {
  private func certificate(_ names: [String]) throws -> CallerCredentials {
    let key = try PrivateKey(generating: .p256)
    var template = CertificateTemplate(notBefore: 0, notAfter: 1000)
    template.names = names.map { .uri($0) }
    let made = try Certificate(template, for: key.publicKey(), issuer: nil, key: key)
    return CallerCredentials(certificatePEM: made.pem)
  }

  private let authenticator = ClientCertificateAuthenticator {
    ["cluster.local", "old.example"]
  }

  @Test func aCertificateProvesItsNamesInOurTrustDomains() async throws {
    let own = "spiffe://cluster.local/ns/a/sa/b"
    let aliased = "spiffe://old.example/ns/a/sa/c"
    let shown = try certificate([own, aliased, "spiffe://far.example/ns/a/sa/b", "urn:x"])
    let caller = try await authenticator.authenticate(shown)
    #expect(caller.source == .certificate)
    #expect(caller.identities.map(\.description) == [own, aliased])
  }

  @Test(arguments: [[], ["urn:x"], ["spiffe://far.example/ns/a/sa/b"]])
  func otherCertificatesProveNothing(_ names: [String]) async throws {
    let shown = try certificate(names)
    await #expect(throws: AuthenticationFailure.self) {
      try await authenticator.authenticate(shown)
    }
  }

  @Test func theFirstProofOfAChainCounts() async throws {
    let chain = AuthenticatorChain([
      authenticator, TokenAuthenticator([], trustDomain: { "cluster.local" }, now: { 0 }),
    ])
    let own = "spiffe://cluster.local/ns/a/sa/b"
    var shown = try certificate([own])
    shown.bearerToken = "no token"
    #expect(try await chain.authenticate(shown).source == .certificate)
    await #expect {
      try await chain.authenticate(CallerCredentials(bearerToken: "secret-token"))
    } throws: { error in
      let text = "\(error)"
      return text.contains("ClientCertAuthenticator: no client certificate")
        && text.contains("IDTokenAuthenticator: the token is no signed JWT")
        && !text.contains("secret-token")
    }
  }

  @Test func bearerTokensAreTakenFromTheirScheme() {
    #expect(CallerCredentials.bearerToken(ofHeader: "Bearer a.b.c") == "a.b.c")
    #expect(CallerCredentials.bearerToken(ofHeader: "Basic a.b.c") == nil)
  }
}
