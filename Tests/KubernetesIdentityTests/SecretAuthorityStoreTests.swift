// SPDX-License-Identifier: Apache-2.0

import Configuration
import Cryptography
import JSON
import KubernetesClient
import Synchronization
import Testing

@testable import CertificateAuthority
@testable import KubernetesIdentity

/// An authority that is kept in a Secret.
@Suite struct SecretAuthorityStoreTests {
  private let api = FakeAPI()

  private func keeper(
    _ client: KubernetesClient, usesPluggedInName: Bool = false
  ) -> AuthorityKeeper {
    let now: @Sendable () -> Int64 = { api.now }
    return AuthorityKeeper(
      SecretAuthorityStore(
        client, namespace: "istio-system", usesPluggedInName: usesPluggedInName,
        patience: .seconds(120)),
      authority: CertificateAuthority(nil, policy: IssuingPolicy(), now: now),
      policy: SelfSignedPolicy(organization: "cluster.local"), now: now)
  }

  private func text(_ key: String, of secret: String = "istio-ca-secret") -> String? {
    let data = api.state.withLock { $0.secrets[secret]?["data"]?[key]?.string }
    return data.flatMap(Base64.decode).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func `replicas that start together agree on one Secret, in istiod's form`() async throws {
    try await api.serve { client in
      let keepers = (0..<6).map { _ in keeper(client) }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for keeper in keepers { group.addTask { try await keeper.refresh() } }
        try await group.waitForAll()
      }
      let pairs = Set(keepers.map { $0.current?.current.certificatePEM })
      #expect(pairs.count == 1 && pairs.first == text("ca-cert.pem"))
    }
    let secret = try #require(api.state.withLock { $0.secrets["istio-ca-secret"] })
    #expect(secret["type"] == "istio.io/ca-root")
    #expect(
      secret["data"]?.object?.members.map(\.key).sorted() == [
        "ca-cert.pem", "ca-key.pem", "cert-chain.pem", "key.pem", "root-cert.pem",
      ])
    #expect(text("root-cert.pem") == text("ca-cert.pem") && text("key.pem") == "")
  }

  @Test func `istiod's own Secret is taken, RSA too`() async throws {
    var policy = SelfSignedPolicy(organization: "cluster.local")
    policy.algorithm = .rsa(bits: 2048)
    let made = try AuthorityPair(policy, now: api.now)
    let encoded = { (text: String) in JSONValue.string(Base64.encode(Array(text.utf8))) }
    let data: JSONValue = [
      "ca-cert.pem": encoded(made.certificatePEM), "ca-key.pem": encoded(made.keyPEM),
      "cert-chain.pem": "", "key.pem": "", "root-cert.pem": encoded(made.certificatePEM),
    ]
    api.change { state in
      state.secrets["istio-ca-secret"] = JSONObject(distinct: [
        .init("metadata", ["name": "istio-ca-secret", "resourceVersion": "7"]),
        .init("data", data),
      ])
    }
    try await api.serve { client in
      let keeper = keeper(client)
      try await keeper.refresh()
      #expect(keeper.current?.current == made)
    }
    #expect(!api.asked.contains { $0.hasPrefix("POST") })
  }

  @Test func `the Secret may be cacerts where that is asked for`() async throws {
    try await api.serve { client in
      try await keeper(client, usesPluggedInName: true).refresh()
      #expect(text("istio-generated", of: "cacerts") == "")
      let other = keeper(client, usesPluggedInName: true)
      try await other.refresh()
      #expect(other.current?.current.certificatePEM == text("ca-cert.pem", of: "cacerts"))
      // istio-ca-secret goes before it.
      try await keeper(client).refresh()
      try await other.refresh()
      #expect(other.current?.current.certificatePEM == text("ca-cert.pem"))
    }
  }

  @Test func `a rotation stands in the Secret, and what signs under istiod's names`() async throws {
    try await api.serve { client in
      let (one, two) = (keeper(client), keeper(client))
      try await one.refresh()
      try await two.refresh()
      let old = try #require(text("ca-cert.pem"))
      let next = try one.makeNext()
      let now = api.now
      // Another writes in between: nothing is lost.
      api.change { $0.conflicts = 2 }
      try await one.change { stored throws(AuthorityError) in
        try stored.beginRotation(to: next, at: now)
      }
      #expect(text("ca-cert.pem") == old && text("root-cert.pem") == old + next.certificatePEM)
      #expect(try await two.refresh() && two.current == one.current)
      try await two.change { stored throws(AuthorityError) in
        try stored.advanceRotation(among: [], at: now)
      }
      #expect(text("ca-cert.pem") == next.certificatePEM && text("ca-key.pem") == next.keyPEM)
      try await one.change { stored throws(AuthorityError) in
        try stored.advanceRotation(among: [], at: now)
      }
      #expect(text("root-cert.pem") == next.certificatePEM)
      #expect(text("rotation.json") == #"{"rotations":1}"#)
      #expect(try await two.refresh() && two.current?.rotationCount == 1)
    }
  }

  @Test func `what fails is temporary, and says nothing of keys`() async throws {
    try await api.serve { client in
      let keeper = keeper(client)
      api.change { $0.failure = 403 }
      do throws(AuthorityError) {
        try await keeper.refresh()
        Issue.record("it was read")
      } catch {
        #expect(error.isTemporary && "\(error)".contains("istio-system/istio-ca-secret"))
        #expect(!"\(error)".contains("what was asked"))
      }
      api.change { state in
        state.failure = nil
        state.secrets["istio-ca-secret"] = JSONObject(distinct: [
          .init("metadata", ["name": "istio-ca-secret", "resourceVersion": "1"]),
          .init("data", ["ca-cert.pem": "!", "ca-key.pem": "AA=="]),
        ])
      }
      await #expect { try await keeper.refresh() } throws: { "\($0)".contains("ca-cert.pem") }
    }
  }
}
