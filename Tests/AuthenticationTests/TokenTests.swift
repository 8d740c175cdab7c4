// SPDX-License-Identifier: Apache-2.0

import Cryptography
import Foundation
import JSON
import StateDirectory
import Synchronization
import Testing

@testable import Authentication

struct TokenTests {
  private static let now: Int64 = 1_800_000_000
  private static let claims: [String: JSONValue] = [
    "iss": "issuer", "aud": ["istio-ca"], "sub": "system:serviceaccount:default:reviews",
    "exp": .integer(now + 60),
  ]
  private let key: PrivateKey
  private let rule: TokenIssuerRule

  init() throws {
    let key = try PrivateKey(generating: .p256)
    self.key = key
    let keys = try TokenKeySet(key.publicKey(), id: "k1")
    rule = TokenIssuerRule(issuer: "issuer", audiences: ["istio-ca"]) { keys }
  }

  private func authenticator(_ rules: [TokenIssuerRule]? = nil) -> TokenAuthenticator {
    TokenAuthenticator(rules ?? [rule], trustDomain: { "cluster.local" }, now: { Self.now })
  }

  private func token(
    _ changed: String = "exp", _ value: JSONValue? = .integer(now + 60),
    key other: PrivateKey? = nil, keyID: String = "k1"
  ) throws -> String {
    var claims = Self.claims
    claims[changed] = value
    let members = claims.sorted { $0.key < $1.key }.map { JSONObject.Member($0.key, $0.value) }
    return try JSONWebToken.make(JSONObject(distinct: members), keyID: keyID, key: other ?? key)
  }

  private func refusal(_ token: String?, _ rules: [TokenIssuerRule]? = nil) async -> String {
    do throws(AuthenticationFailure) {
      let caller = try await authenticator(rules).authenticate(
        CallerCredentials(bearerToken: token))
      return "\(caller.identities)"
    } catch {
      return "\(error)"
    }
  }

  @Test func aTokenProvesItsServiceAccount() async throws {
    let credentials = CallerCredentials(bearerToken: try token())
    let caller = try await authenticator().authenticate(credentials)
    #expect(caller.source == .token)
    #expect(
      caller.identities.map(\.description) == ["spiffe://cluster.local/ns/default/sa/reviews"])
  }

  @Test func anRSAKeyFromAJWKSWill() async throws {
    let rsa = try PrivateKey(generating: .rsa(bits: 2048))
    let text = try TokenKeySet(rsa.publicKey(), id: "r").jwks().text()
    let keys = try TokenKeySet(jwks: Array(text.utf8))
    let rule = TokenIssuerRule(issuer: "issuer", audiences: ["istio-ca"]) { keys }
    #expect(await refusal(try token(key: rsa, keyID: "r"), [rule]).contains("reviews"))
    #expect(await refusal(try token(key: rsa, keyID: "q"), [rule]).contains("no known key"))
    #expect(await refusal(try token(keyID: "r"), [rule]).contains("no known key"))
  }

  @Test(
    arguments: [
      ("exp", .integer(now), "has expired"), ("exp", nil, "has expired"),
      ("exp", "tomorrow", "has expired"), ("nbf", .integer(now + 61), "not valid yet"),
      ("iat", .integer(now + 3600), "not valid yet"), ("iat", "now", "not valid yet"),
      ("aud", ["other"], "another audience"), ("aud", nil, "another audience"),
      ("aud", [], "another audience"), ("iss", "stranger", "issuer is not known"),
      ("iss", nil, "issuer is not known"), ("sub", "reviews", "no service account"),
      ("sub", "system:serviceaccount:default", "no service account"),
      ("sub", "system:serviceaccount:default:a:b", "no service account"),
      ("sub", "system:serviceaccount:default:a/../b", "no service account"),
      ("sub", "system:serviceaccount::a", "no service account"), ("sub", nil, "no service account"),
    ] as [(String, JSONValue?, String)])
  func claimsThatDoNotHold(_ name: String, _ value: JSONValue?, _ reason: String) async throws {
    #expect(await refusal(try token(name, value)).contains(reason))
  }

  @Test func anAudienceMayStandAlone() async throws {
    #expect(await refusal(try token("aud", "istio-ca")).contains("reviews"))
  }

  @Test func strangersAndEmptySetsAreRefused() async throws {
    let stranger = try PrivateKey(generating: .p256)
    #expect(await refusal(try token(key: stranger)).contains("no known key"))
    let empty = TokenIssuerRule(issuer: "issuer", audiences: ["istio-ca"]) { TokenKeySet() }
    #expect(await refusal(try token(), [empty]).contains("no known key"))
    #expect(await refusal(nil).contains("no bearer token"))
  }

  /// What was found good once is not, once the key, the clock or the rule says otherwise.
  @Test func aTokenIsBelievedAgainOnlyWhileAllHolds() async throws {
    let (first, second) = (
      try TokenKeySet(key.publicKey(), id: "k1"),
      try TokenKeySet(PrivateKey(generating: .p256).publicKey(), id: "k1")
    )
    let keys = Mutex(first)
    let clock = Mutex(Self.now)
    let rule = TokenIssuerRule(issuer: "issuer", audiences: ["istio-ca"]) { keys.withLock { $0 } }
    let authenticator = TokenAuthenticator(
      [rule], trustDomain: { "cluster.local" }, now: { clock.withLock { $0 } })
    let shown = CallerCredentials(bearerToken: try token())
    for _ in 0..<2 {
      #expect(try await authenticator.authenticate(shown).end == Self.now + 60)
    }
    keys.withLock { $0 = second }
    await #expect(throws: AuthenticationFailure.self) {
      try await authenticator.authenticate(shown)
    }
    keys.withLock { $0 = first }
    _ = try await authenticator.authenticate(shown)
    clock.withLock { $0 += 60 }
    await #expect(throws: AuthenticationFailure.self) {
      try await authenticator.authenticate(shown)
    }
  }

  @Test func tokensThatAreNotWhatTheySayAreRefused() async throws {
    let parts = try token().split(separator: ".").map(String.init)
    let header = { (text: String) in Base64URL.encode(text.utf8) }
    let bad = [
      "", ".", "..", "a.b.c", parts[0], parts[0] + "." + parts[1],
      parts.joined(separator: ".") + ".",
      header(#"{"alg":"none"}"#) + ".\(parts[1]).",
      header(#"{"alg":"none"}"#) + ".\(parts[1]).\(parts[2])",
      header(#"{"alg":"HS256","kid":"k1"}"#) + ".\(parts[1]).\(parts[2])",
      header(#"{"alg":"RS256","kid":"k1"}"#) + ".\(parts[1]).\(parts[2])",
      header(#"{"alg":"ES256","crit":["x"],"kid":"k1"}"#) + ".\(parts[1]).\(parts[2])",
      header(#"{"alg":"ES256","alg":"ES256","kid":"k1"}"#) + ".\(parts[1]).\(parts[2])",
      "\(parts[0]).\(parts[1]).", "\(parts[0]).\(parts[1]).\(parts[2])=",
      String(repeating: "a", count: JSONWebToken.sizeLimit + 1),
    ]
    for text in bad {
      #expect(await !refusal(text).contains("reviews"), "\(text.prefix(80))")
    }
  }

  /// No change of a token is believed, wherever it is.
  @Test func mutationsAreNeverBelieved() async throws {
    let good = Array(try token().utf8)
    var random = SystemRandomNumberGenerator()
    for count in 0..<good.count {
      #expect(await !refusal(String(decoding: good[..<count], as: UTF8.self)).contains("reviews"))
    }
    let count = ProcessInfo.processInfo.environment["NAVARCH_MUTATIONS"].flatMap(Int.init)
    for _ in 0..<(count ?? 10_000) {
      var bytes = good
      let index = Int.random(in: 0..<bytes.count, using: &random)
      bytes[index] = UInt8.random(in: 0x21...0x7e, using: &random)
      guard bytes != good else { continue }
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(await !refusal(text).contains("reviews"), "\(text)")
    }
  }

  @Test func setsOfKeysAreReadStrictly() throws {
    let bad = [
      "", "{}", #"{"keys":{}}"#, #"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#,
      #"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#,
    ]
    for text in bad {
      #expect(throws: AuthenticationFailure.self) { try TokenKeySet(jwks: Array(text.utf8)) }
    }
    let passedOver = #"{"keys":[{"kty":"oct","k":"AA"},{"kty":"EC","crv":"P-521"},{"use":"enc"}]}"#
    #expect(try TokenKeySet(jwks: Array(passedOver.utf8)).isEmpty)
  }

  @Test func aFileOfKeysIsReadAnew() throws {
    let folder = NSTemporaryDirectory() + "navarch-jwks-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let path = folder + "/keys.json"
    let problems = Problems()
    let file = TokenKeyFile(path) { problems.add($0) }
    #expect(file.keys.isEmpty)
    let text = try TokenKeySet(key.publicKey(), id: "k1").jwks().text()
    try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
    #expect(!file.keys.isEmpty && problems.all.isEmpty)
    try Data("no".utf8).write(to: URL(filePath: path), options: .atomic)
    // The last keys stay in force; the problem is told once.
    #expect(!file.keys.isEmpty && !file.keys.isEmpty)
    #expect(problems.all.count == 1 && problems.all[0].contains(path))
  }

  @Test func theSignerOfAStateDirectoryIsKept() async throws {
    let folder = NSTemporaryDirectory() + "navarch-tokens-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let state = try StateDirectory(folder)
    let keys = try TokenSigner(state).keys()
    let rule = TokenIssuerRule(issuer: TokenSigner.issuer, audiences: ["istio-ca"]) { keys }
    let token = { (namespace: String) in
      try TokenSigner(state).token(
        namespace: namespace, serviceAccount: "reviews", audience: "istio-ca", lifetime: 60,
        now: Self.now)
    }
    #expect(
      await refusal(try token("default"), [rule])
        == "[spiffe://cluster.local/ns/default/sa/reviews]")
    #expect(throws: AuthenticationFailure.self) { try token("a:b") }
  }
}

/// What was reported, in order.
private final class Problems: Sendable {
  private let list = Mutex<[String]>([])

  var all: [String] { list.withLock { $0 } }
  func add(_ text: String) { list.withLock { $0.append(text) } }
}
