// SPDX-License-Identifier: Apache-2.0

import Cryptography
import JSON

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
    let token = try JSONWebToken(try credentials.token())
    let issuer = token.claims["iss"]?.string ?? ""
    let known = rules.filter { $0.issuer == issuer }
    guard !known.isEmpty else { throw AuthenticationFailure("the token's issuer is not known") }
    for rule in known where token.isSigned(by: await rule.keys(token.keyID)) {
      try checkTime(token.claims)
      try checkAudience(token.claims, rule)
      return Caller(.token, [try identity(token.claims)])
    }
    throw AuthenticationFailure("no known key of the token's issuer has signed it")
  }

  private func checkTime(_ claims: JSONObject) throws(AuthenticationFailure) {
    let now = now()
    guard let expiry = claims["exp"]?.seconds, now < expiry else {
      throw AuthenticationFailure("the token has expired, or says no expiry")
    }
    for name in ["nbf", "iat"] where claims[name] != nil {
      guard let begin = claims[name]?.seconds, begin <= now + TokenAuthenticator.clockSkew else {
        throw AuthenticationFailure("the token is not valid yet")
      }
    }
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
