// SPDX-License-Identifier: Apache-2.0

public import Cryptography
import Synchronization

/// For how long certificates are issued.
public struct IssuingPolicy: Hashable, Sendable {
  /// The life of a certificate for which no life is asked, in seconds.
  public var standardLifetime: Int64 = 24 * 3600
  /// The longest life, in seconds; who asks for more is given this.
  public var longestLifetime: Int64 = 90 * 86_400

  /// How far back certificates begin, in seconds, so that clocks may differ.
  static let backdating: Int64 = 120

  /// A day, and ninety days at most.
  public init() {}

  /// The life that is given where one of `seconds` is asked for.
  func lifetime(asked seconds: Int64) -> Int64 {
    min(seconds > 0 ? seconds : standardLifetime, longestLifetime)
  }
}

/// A certificate as it goes to who asked for it.
public struct IssuedCertificate: Sendable {
  /// The certificate.
  public var leaf: IssuedLeaf
  /// The certificates to send with it.
  public var chain: [Certificate]
  /// The roots to trust.
  public var roots: [Certificate]
  /// The certificates of ``chain``, PEM each.
  var chainPEMs: [String]
  /// The roots, PEM.
  public var rootsPEM: String
  /// The serial numbers of the roots.
  var rootSerials: Set<String>
  /// The serial number of the certificate that signed.
  var signer: String
  /// When it was issued, in seconds since 1970.
  var issuedAt: Int64
  /// When the leaf ends, in seconds since 1970.
  public var end: Int64

  /// The leaf and its chain, PEM.
  public var chainPEM: String { leaf.pem + chainPEMs.joined() }
}

/// Issues certificates by the authority that is in force.
///
/// Any thread may call.
public final class CertificateAuthority: Sendable {
  /// For how long it issues.
  public let policy: IssuingPolicy
  private let authority: Mutex<SigningAuthority?>
  private let now: @Sendable () -> Int64

  /// An authority with its first signer; nil where that is still to be found, and nothing is issued.
  ///
  /// - Parameter now: The time of day in seconds since 1970.
  public init(
    _ authority: SigningAuthority?, policy: IssuingPolicy, now: @escaping @Sendable () -> Int64
  ) {
    self.authority = Mutex(authority)
    self.policy = policy
    self.now = now
  }

  /// The signer in force; nil before the first.
  public var current: SigningAuthority? { authority.withLock { $0 } }

  /// Puts a signer in force whatever was before: for one whose roots change step by step where it is
  /// kept.
  public func install(_ fresh: SigningAuthority) { authority.withLock { $0 = fresh } }

  /// Puts another signer in force.
  ///
  /// - Throws: A refusal, where proxies that trust the roots of now would trust nothing of it: of
  ///   the old and the new roots one must hold all of the other.
  public func replace(with fresh: SigningAuthority) throws(AuthorityError) {
    let refusal = authority.withLock { authority -> AuthorityError? in
      let old = Set((authority?.roots ?? fresh.roots).map(\.der))
      let new = Set(fresh.roots.map(\.der))
      guard old.isSubset(of: new) || new.isSubset(of: old) else {
        return AuthorityError(
          "the new roots neither hold the old ones nor are among them, so that connected proxies "
            + "would trust nothing: put both into the bundle first")
      }
      authority = fresh
      return nil
    }
    if let refusal { throw refusal }
  }

  /// A certificate for a key.
  ///
  /// - Parameters:
  ///   - lifetime: The life that is asked for in seconds; zero and less for the standard one. A leaf
  ///     never outlives who signs it.
  public func issue(
    for key: SubjectKey, names: [CertificateTemplate.Name], lifetime: Int64
  ) throws(CryptographyError) -> IssuedCertificate {
    guard let signer = current else { throw CryptographyError("the authority is not ready") }
    let now = now()
    let end = min(now + policy.lifetime(asked: lifetime), signer.certificate.notAfter)
    guard end > now else { throw CryptographyError("the signing certificate has expired") }
    let leaf = try signer.leaves().leaf(
      for: key, names: names, notBefore: now - IssuingPolicy.backdating, notAfter: end)
    return IssuedCertificate(
      leaf: leaf, chain: signer.chain, roots: signer.roots, chainPEMs: signer.chainPEMs,
      rootsPEM: signer.rootsPEM, rootSerials: signer.rootSerials, signer: signer.serial,
      issuedAt: now, end: end)
  }
}
