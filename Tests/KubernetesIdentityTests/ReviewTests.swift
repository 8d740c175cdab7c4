// SPDX-License-Identifier: Apache-2.0

import Authentication
import JSON
import KubernetesClient
import Testing

@testable import KubernetesIdentity

/// Questions that an API server answers about callers.
@Suite struct ReviewTests {
  private static let user = "system:serviceaccount:default:reviews"
  private let api = FakeAPI()

  private func reviews(_ client: KubernetesClient) -> TokenReviews {
    TokenReviews(
      client, audiences: ["istio-ca"], clusters: ["Kubernetes", "alias"],
      patience: .seconds(120),
      trustDomain: { "cluster.local" }, now: { api.now })
  }

  private func refusal(
    _ reviews: TokenReviews, _ token: String?, cluster: String? = nil
  ) async -> AuthenticationFailure? {
    do throws(AuthenticationFailure) {
      _ = try await reviews.authenticate(
        CallerCredentials(bearerToken: token, clusterID: cluster))
      return nil
    } catch {
      return error
    }
  }

  @Test func `a token proves its service account and its Pod`() async throws {
    api.change { state in
      state.tokens["plain"] = FakeAPI.believed(Self.user)
      state.tokens["bound"] = FakeAPI.believed(
        Self.user,
        extra: [
          "authentication.kubernetes.io/pod-name": ["reviews-1"],
          "authentication.kubernetes.io/pod-uid": ["u-1"],
        ])
    }
    try await api.serve { client in
      let reviews = reviews(client)
      let plain = try await reviews.authenticate(CallerCredentials(bearerToken: "plain"))
      #expect(
        plain.identities.map(\.description) == ["spiffe://cluster.local/ns/default/sa/reviews"])
      #expect(plain.pod == nil && plain.source == .token)
      let bound = try await reviews.authenticate(
        CallerCredentials(bearerToken: "bound", clusterID: "alias"))
      #expect(bound.pod == PodReference(namespace: "default", name: "reviews-1", uid: "u-1"))
    }
    #expect(
      api.asked
        == Array(
          repeating: "POST /apis/authentication.k8s.io/v1/tokenreviews", count: 2))
  }

  @Test func `a token of another cluster is reviewed there`() async throws {
    let far = FakeAPI()
    let other = "system:serviceaccount:far:far"
    api.change { $0.tokens["same"] = FakeAPI.believed(Self.user) }
    far.change { state in
      state.tokens["same"] = FakeAPI.believed(other)
      state.tokens["there"] = FakeAPI.believed(
        other,
        extra: [
          "authentication.kubernetes.io/pod-name": ["far-1"],
          "authentication.kubernetes.io/pod-uid": ["u-1"],
        ])
    }
    try await api.serve { client in
      try await far.serve { remote in
        let reviews = TokenReviews(
          client, audiences: ["istio-ca"], clusters: ["Kubernetes"],
          remote: { $0 == "east" ? remote : nil }, patience: .seconds(120),
          trustDomain: { "cluster.local" }, now: { api.now })
        let shown = { CallerCredentials(bearerToken: $0, clusterID: $1) }
        // What one cluster says of a token is not remembered of another.
        for _ in 0..<2 {
          let here = try await reviews.authenticate(shown("same", "Kubernetes"))
          #expect(here.identities.map(\.namespace) == ["default"])
          let there = try await reviews.authenticate(shown("same", "east"))
          #expect(there.identities.map(\.namespace) == ["far"])
        }
        // A Pod of another cluster stands for nothing here.
        #expect(try await reviews.authenticate(shown("there", "east")).pod == nil)
        #expect(await refusal(reviews, "there", cluster: nil)?.isTemporary == false)
        #expect(await refusal(reviews, "there", cluster: "west") != nil)
        far.change { $0.failure = 500 }
        #expect(await refusal(reviews, "new", cluster: "east")?.isTemporary == true)
      }
    }
    #expect(api.asked.count == 2 && far.asked.count == 3)
  }

  @Test(
    arguments: [
      ("no", ["authenticated": false]),
      ("error", ["authenticated": true, "error": "expired", "audiences": ["istio-ca"]]),
      ("audience", FakeAPI.believed(user, audiences: ["other"])),
      ("none", FakeAPI.believed(user, audiences: [])),
      ("group", FakeAPI.believed(user, groups: ["system:authenticated"])),
      ("human", FakeAPI.believed("admin")), ("short", FakeAPI.believed("system:serviceaccount:a")),
      ("path", FakeAPI.believed("system:serviceaccount:a:b/../c")), ("empty", [:]),
      ("text", "authenticated"),
    ] as [(String, JSONValue)])
  func `what the API server does not say is not believed`(
    name: String, status: JSONValue
  ) async throws {
    let token = "token-\(name)"
    api.change { $0.tokens[token] = status }
    try await api.serve { client in
      let refusal = await refusal(reviews(client), token)
      #expect(refusal?.isTemporary == false && refusal?.description.contains(token) == false)
    }
  }

  @Test func `some tokens are not worth a question`() async throws {
    api.change { $0.tokens["good"] = FakeAPI.believed(Self.user) }
    try await api.serve { client in
      let reviews = reviews(client)
      for token in [nil, "", "a b", "a\nb", "ü", String(repeating: "a", count: 20_000)] {
        #expect(await refusal(reviews, token) != nil)
      }
      #expect(await refusal(reviews, "good", cluster: "elsewhere") != nil)
      #expect(api.asked.isEmpty)
      #expect(await refusal(reviews, "good", cluster: "Kubernetes") == nil)
      #expect(await refusal(reviews, "good", cluster: "") == nil)
    }
  }

  @Test func `answers are remembered for a moment, a no for a shorter one`() async throws {
    api.change { $0.tokens["good"] = FakeAPI.believed(Self.user) }
    try await api.serve { client in
      let reviews = reviews(client)
      for _ in 0..<5 {
        #expect(await refusal(reviews, "good") == nil)
        #expect(await refusal(reviews, "bad") != nil)
      }
      #expect(api.asked.count == 2)
      // A token that was taken back is believed no longer than ten seconds.
      api.change { state in
        state.tokens["good"] = nil
        state.tokens["bad"] = FakeAPI.believed(Self.user)
        state.now += 3
      }
      #expect(await refusal(reviews, "good") == nil)
      #expect(await refusal(reviews, "bad") == nil)
      #expect(api.asked.count == 3)
      api.change { $0.now += 7 }
      #expect(await refusal(reviews, "good") != nil)
    }
  }

  @Test func `nothing is remembered beyond the token's own end`() async throws {
    let claims = Base64URL.encode(#"{"exp":1800000002}"#.utf8)
    let token = "e30.\(claims).AA"
    api.change { $0.tokens[token] = FakeAPI.believed(Self.user) }
    try await api.serve { client in
      let reviews = reviews(client)
      #expect(await refusal(reviews, token) == nil)
      api.change { $0.now += 2 }
      #expect(await refusal(reviews, token) == nil)
      #expect(api.asked.count == 2)
    }
  }

  @Test func `without an answer nobody is believed, and nothing is remembered`() async throws {
    api.change { $0.tokens["good"] = FakeAPI.believed(Self.user) }
    try await api.serve { client in
      let reviews = reviews(client)
      for code in [500, 403, 429] {
        api.change { $0.failure = code }
        let refusal = await refusal(reviews, "good")
        #expect(refusal?.isTemporary == true && refusal?.description.contains("secret") == false)
      }
      api.change { $0.failure = nil }
      #expect(await refusal(reviews, "good") == nil)
    }
  }

  @Test func `service accounts read secrets where the API server says so`() async throws {
    api.change { $0.readers = [Self.user] }
    try await api.serve { client in
      let reviews = SecretAccessReviews(client, patience: .seconds(120)) { api.now }
      for _ in 0..<3 {
        #expect(await reviews.mayRead(namespace: "default", serviceAccount: "reviews") == true)
        #expect(await reviews.mayRead(namespace: "default", serviceAccount: "ratings") == false)
        #expect(await reviews.mayRead(namespace: "other", serviceAccount: "reviews") == false)
      }
      #expect(api.asked.count == 3)
      api.change { state in
        state.readers = []
        state.now += 299
      }
      #expect(await reviews.mayRead(namespace: "default", serviceAccount: "reviews") == true)
      api.change { $0.now += 1 }
      #expect(await reviews.mayRead(namespace: "default", serviceAccount: "reviews") == false)
      api.change { state in
        state.readers = [Self.user]
        state.now += 60
        state.failure = 500
      }
      #expect(await reviews.mayRead(namespace: "default", serviceAccount: "reviews") == nil)
      api.change { state in
        state.now += 5
        state.failure = nil
      }
      #expect(await reviews.mayRead(namespace: "default", serviceAccount: "reviews") == true)
    }
  }

  @Test func `what is remembered is bounded`() {
    let memo = ExpiringMemo<Int, Int>(limit: 100)
    for number in 0..<10_000 { memo.keep(number, for: number, until: Int64(number)) }
    #expect(memo.count <= 100 && memo.value(9999, at: 0) == 9999)
    #expect(memo.value(9999, at: 9999) == nil && memo.value(1, at: 0) == nil)
  }
}
