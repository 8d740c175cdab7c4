// SPDX-License-Identifier: Apache-2.0

import Cryptography
import JSON
import Synchronization

/// One issuer whose tokens are believed.
public struct TokenIssuerRule: Sendable {
  /// The issuer, exactly as tokens name it (`iss`).
  public var issuer: String
  /// Of a token's audiences one must be among these (`aud`).
  public var audiences: Set<String>
  /// The issuer's keys as they are now, for a token that names one of them or none; an empty set
  /// refuses all.
  public var keys: @Sendable (_ keyID: String?) async -> TokenKeySet

  /// A rule of one issuer whose keys are at hand.
  public init(
    issuer: String, audiences: Set<String>, keys: @escaping @Sendable () -> TokenKeySet
  ) {
    self.issuer = issuer
    self.audiences = audiences
    self.keys = { _ in keys() }
  }

  /// A rule of one issuer whose keys are elsewhere.
  public init(issuer: String, audiences: Set<String>, keys: RemoteTokenKeys) {
    self.issuer = issuer
    self.audiences = audiences
    self.keys = { await keys.keys(for: $0) }
  }
}

/// Believes tokens of service accounts that a known issuer has signed, in ES256 or RS256.
public struct TokenAuthenticator: CallerAuthenticator {
  private let rules: [TokenIssuerRule]
  private let trustDomain: @Sendable () -> String
  private let now: @Sendable () -> Int64
  private let proven = ProvenTokens()

  /// How far the clocks of issuer and control plane may differ, in seconds, where a token is not
  /// valid yet.
  private static let clockSkew: Int64 = 60

  /// An authenticator.
  ///
  /// - Parameters:
  ///   - rules: The issuers that are believed.
  ///   - trustDomain: The trust domain of the identities that tokens prove, as it is now.
  ///   - now: The time of day in seconds since 1970.
  public init(
    _ rules: [TokenIssuerRule], trustDomain: @escaping @Sendable () -> String,
    now: @escaping @Sendable () -> Int64
  ) {
    self.rules = rules
    self.trustDomain = trustDomain
    self.now = now
  }

  /// Istiod's name of it.
  public var name: String { "IDTokenAuthenticator" }

  /// Whose token it is.
  public func authenticate(
    _ credentials: CallerCredentials
  ) async throws(AuthenticationFailure) -> Caller {
    let text = try credentials.token()
    let digest = sha256(text.utf8)
    let before = proven[digest]
    let token = if let before { before.token } else { try JSONWebToken(text) }
    let issuer = token.claims["iss"]?.string ?? ""
    let known = rules.filter { $0.issuer == issuer }
    guard !known.isEmpty else { throw AuthenticationFailure("the token's issuer is not known") }
    for rule in known {
      let keys = await rule.keys(token.keyID)
      guard let key = token.signer(among: keys, before: before?.key) else { continue }
      let end = try checkTime(token.claims)
      try checkAudience(token.claims, rule)
      let identity = try identity(token.claims)
      if before?.key !== key { proven.keep(token, signedBy: key, for: digest) }
      return Caller(.token, [identity], end: end)
    }
    throw AuthenticationFailure("no known key of the token's issuer has signed it")
  }

  /// Checks that the token is valid now; its end.
  private func checkTime(_ claims: JSONObject) throws(AuthenticationFailure) -> Int64 {
    let now = now()
    guard let expiry = claims["exp"]?.seconds, now < expiry else {
      throw AuthenticationFailure("the token has expired, or says no expiry")
    }
    for name in ["nbf", "iat"] where claims[name] != nil {
      guard let begin = claims[name]?.seconds, begin <= now + TokenAuthenticator.clockSkew else {
        throw AuthenticationFailure("the token is not valid yet")
      }
    }
    return expiry
  }

  private func checkAudience(
    _ claims: JSONObject, _ rule: TokenIssuerRule
  ) throws(AuthenticationFailure) {
    let listed = claims["aud"]?.array?.compactMap(\.string)
    let audiences = listed ?? [claims["aud"]?.string].compactMap(\.self)
    guard !rule.audiences.isDisjoint(with: audiences) else {
      throw AuthenticationFailure("the token is for another audience")
    }
  }

  /// `system:serviceaccount:NAMESPACE:NAME`, as Kubernetes names service accounts.
  private func identity(_ claims: JSONObject) throws(AuthenticationFailure) -> SpiffeID {
    let name = claims["sub"]?.string ?? ""
    guard let identity = SpiffeID(serviceAccountUser: name, trustDomain: trustDomain()) else {
      throw AuthenticationFailure("the token's subject is no service account")
    }
    return identity
  }
}

extension JSONValue {
  /// A time in seconds since 1970.
  fileprivate var seconds: Int64? {
    switch self {
    case .integer(let seconds): seconds
    case .double(let seconds) where seconds.magnitude < 1e15: Int64(seconds)
    default: nil
    }
  }
}

/// Tokens whose signature was found good, and by which key: callers show the same one often.
///
/// Where that key is among the issuer's no more, the token is looked at anew.
private final class ProvenTokens: Sendable {
  typealias Proof = (token: JSONWebToken, key: PublicKey)

  private let known = Mutex<[[UInt8]: Proof]>([:])

  /// How many are remembered; then all are forgotten.
  private static let limit = 10_000

  subscript(digest: [UInt8]) -> Proof? { known.withLock { $0[digest] } }

  func keep(_ token: JSONWebToken, signedBy key: PublicKey, for digest: [UInt8]) {
    known.withLock { known in
      if known.count >= ProvenTokens.limit { known = [:] }
      known[digest] = (token, key)
    }
  }
}
