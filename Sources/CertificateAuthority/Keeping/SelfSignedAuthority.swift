// SPDX-License-Identifier: Apache-2.0

public import Cryptography
public import StateDirectory

/// How an authority of our own is made.
public struct SelfSignedPolicy: Hashable, Sendable {
  /// The kind of its key.
  public var algorithm = PrivateKey.Algorithm.p256
  /// The life of the root, in seconds.
  public var lifetime: Int64 = 3650 * 86_400
  /// The organization that it names: the trust domain, as istiod has it.
  public var organization: String

  /// A policy with a key on P-256 and a life of ten years.
  public init(organization: String) { self.organization = organization }
}

extension SigningAuthority {
  /// The authority that a state directory keeps, with the roots of a rotation that is under way; nil
  /// where it keeps none yet.
  public static func kept(
    in directory: StateDirectory, now: Int64
  ) throws(AuthorityError) -> SigningAuthority? {
    let store = DirectoryAuthorityStore(directory)
    return try store.kept()?.authority.signingAuthority(store.place, at: now)
  }

  /// An authority that nothing keeps.
  public static func selfSigned(
    _ policy: SelfSignedPolicy, now: Int64
  ) throws(CryptographyError) -> SigningAuthority {
    let key = try PrivateKey(generating: policy.algorithm)
    var template = CertificateTemplate(
      notBefore: now - IssuingPolicy.backdating, notAfter: now + policy.lifetime)
    template.organization = policy.organization
    template.isAuthority = true
    let root = try Certificate(template, for: key.publicKey(), issuer: nil, key: key)
    return SigningAuthority(certificate: root, key: key, chain: [], roots: [root])
  }
}
