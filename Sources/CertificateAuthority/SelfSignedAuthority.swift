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
  /// The folder of a state directory that keeps the authority.
  private static let folder = "ca"

  /// The authority that a state directory keeps; nil where it keeps none yet.
  public static func kept(
    in directory: StateDirectory, now: Int64
  ) throws(AuthorityError) -> SigningAuthority? {
    guard let files = AuthorityFiles.found(in: directory.path(folder)) else { return nil }
    return try SigningAuthority(files, now: now)
  }

  /// The authority that a state directory keeps, made where there is none: of several processes one
  /// makes it, and all use it.
  ///
  /// - Throws: `AuthorityError`, `FileError` or `CryptographyError`.
  public static func selfSigned(
    in directory: StateDirectory, _ policy: SelfSignedPolicy, now: Int64
  ) throws -> SigningAuthority {
    try directory.keepOnce(folder) { () throws(CryptographyError) in
      let made = try selfSigned(policy, now: now)
      let names = AuthorityFiles.Names.istio
      let root = Array(made.certificate.pem.utf8)
      return [
        names.certificate: root, names.roots: root,
        names.key: Array(try made.key.pem().utf8),
      ]
    }
    let files = AuthorityFiles(folder: directory.path(folder), names: .istio)
    return try SigningAuthority(files, now: now)
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
