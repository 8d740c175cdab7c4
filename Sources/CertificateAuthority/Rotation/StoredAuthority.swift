// SPDX-License-Identifier: Apache-2.0

public import Cryptography
public import JSON

/// A self-signed certificate and its key, PEM: only where they are kept, and in memory.
public struct AuthorityPair: Hashable, Sendable, CustomStringConvertible {
  /// The certificate.
  public var certificatePEM: String
  /// Its key.
  public var keyPEM: String

  /// A pair of texts, which nobody has checked.
  public init(certificatePEM: String, keyPEM: String) {
    self.certificatePEM = certificatePEM
    self.keyPEM = keyPEM
  }

  /// A new root of a policy.
  public init(_ policy: SelfSignedPolicy, now: Int64) throws(CryptographyError) {
    let made = try SigningAuthority.selfSigned(policy, now: now)
    self.init(certificatePEM: made.certificate.pem, keyPEM: try made.key.pem())
  }

  /// Which certificate it is, never more.
  public var description: String {
    let serial = try? Certificate(pem: Array(certificatePEM.utf8)).serial
    return "AuthorityPair(\(serial ?? "unreadable"))"
  }

  /// The certificate with its key, checked.
  func checked(_ place: String, at now: Int64) throws(AuthorityError) -> (Certificate, PrivateKey) {
    do throws(CryptographyError) {
      let certificate = try Certificate(pem: Array(certificatePEM.utf8))
      let key = try PrivateKey(pem: Array(keyPEM.utf8))
      let own = try certificate.publicKey()
      guard try own.matches(key.publicKey()) else {
        throw CryptographyError("the key does not belong to the certificate")
      }
      guard certificate.isAuthority else {
        throw CryptographyError("the certificate may not sign others (no CA certificate)")
      }
      if let weakness = own.kind.weakness { throw CryptographyError(weakness) }
      try certificate.verify(intermediates: [], roots: [certificate], at: now)
      return (certificate, key)
    } catch {
      throw AuthorityError("the authority of \(place) cannot be used: \(error)")
    }
  }
}

/// A self-signed authority as it is kept: the root that signs, and the one that is to follow it.
///
/// One value says all, and is replaced whole: a process may end between any two changes of it.
public struct StoredAuthority: Hashable, Sendable {
  /// The root.
  public var current: AuthorityPair
  /// The change to another root, where one is under way.
  public var rotation: AuthorityRotation?
  /// How many changes have been carried through; from the first on, agents are told the roots.
  public var rotationCount = 0

  /// An authority at rest.
  public init(_ current: AuthorityPair) { self.current = current }

  /// The pair that signs.
  public var signer: AuthorityPair {
    rotation.map { $0.phase == .signing ? $0.next : current } ?? current
  }

  /// The pairs whose certificates are trusted.
  public var trusted: [AuthorityPair] { [current] + (rotation.map { [$0.next] } ?? []) }

  /// What signs, checked.
  ///
  /// - Parameter place: Where it is kept, for refusals.
  func signingAuthority(
    _ place: String, at now: Int64
  ) throws(AuthorityError) -> SigningAuthority {
    let (certificate, key) = try signer.checked(place, at: now)
    var roots: [Certificate] = []
    for pair in trusted { roots.append(try pair.checked(place, at: now).0) }
    return SigningAuthority(certificate: certificate, key: key, chain: [], roots: roots)
  }
}

// MARK: JSON

extension StoredAuthority {
  /// What istiod's files do not say, as JSON for a Secret or a private file: while a rotation is under
  /// way all of it, keys included; at rest the count.
  public func rotationJSON() -> JSONValue { rotation == nil ? count : json() }

  /// All of it as JSON, keys included.
  func json() -> JSONValue {
    var object = JSONObject(distinct: [
      .init("rotations", .integer(Int64(rotationCount))), .init("current", current.json),
    ])
    if let rotation { object["rotation"] = rotation.json }
    return .object(object)
  }

  private var count: JSONValue { ["rotations": .integer(Int64(rotationCount))] }

  /// All of an authority, from JSON.
  public init(json: JSONValue) throws(AuthorityError) {
    guard let current = json["current"].flatMap(AuthorityPair.init) else {
      throw AuthorityError("it holds no certificate with its key")
    }
    self.init(current)
    rotationCount = Int(clamping: json["rotations"]?.integer ?? 0)
    if let written = json["rotation"] {
      guard let rotation = AuthorityRotation(written) else {
        throw AuthorityError("it holds a rotation that cannot be read")
      }
      self.rotation = rotation
    }
  }
}

extension AuthorityPair {
  fileprivate var json: JSONValue {
    ["certificate": .string(certificatePEM), "key": .string(keyPEM)]
  }

  fileprivate init?(_ json: JSONValue) {
    guard let certificate = json["certificate"]?.string, let key = json["key"]?.string else {
      return nil
    }
    self.init(certificatePEM: certificate, keyPEM: key)
  }
}

extension AuthorityRotation {
  fileprivate var json: JSONValue {
    [
      "phase": .string(phase.rawValue), "next": next.json, "startedAt": .integer(startedAt),
      "phaseStartedAt": .integer(phaseStartedAt),
      "excluded": .array(excluded.sorted().map { .string($0) }),
    ]
  }

  fileprivate init?(_ json: JSONValue) {
    guard let phase = json["phase"]?.string.flatMap(Phase.init),
      let next = json["next"].flatMap(AuthorityPair.init),
      let startedAt = json["startedAt"]?.integer,
      let phaseStartedAt = json["phaseStartedAt"]?.integer
    else { return nil }
    self.init(phase: phase, next: next, startedAt: startedAt, phaseStartedAt: phaseStartedAt)
    excluded = Set(json["excluded"]?.array?.compactMap(\.string) ?? [])
  }
}
