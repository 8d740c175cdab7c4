// SPDX-License-Identifier: Apache-2.0

import CertificateAuthority
import Cryptography
import Logging
import StateDirectory

/// Where the signing authority comes from: plugged in, kept in the state directory, or made for the
/// life of this process.
struct AuthoritySource {
  /// The files that are watched; nil where there are none.
  private let files: AuthorityFiles?
  private var marks: [FileMark?]

  /// Finds the authority, and makes it where there is none.
  ///
  /// - Throws: Why one that is there cannot be used.
  static func open(
    _ options: IdentityOptions, trustDomain: String, state: StateDirectory?, log: Logger
  ) throws -> (source: AuthoritySource, authority: SigningAuthority) {
    let now = Int64(WallClock.now())
    if let files = AuthorityFiles.found(in: options.authorityFolder) {
      let marks = files.marks
      let authority = try SigningAuthority(files, now: now)
      log.info("signing by the authority in \(options.authorityFolder)")
      return (AuthoritySource(files: files, marks: marks), authority)
    }
    var policy = SelfSignedPolicy(organization: trustDomain)
    policy.algorithm = options.keyAlgorithm
    if let lifetime = options.rootLifetime { policy.lifetime = lifetime }
    guard let state else {
      log.warn(
        "signing by an authority that ends with this process, since neither "
          + "\(options.authorityFolder) nor --stateDir is there")
      return (AuthoritySource(files: nil, marks: []), try .selfSigned(policy, now: now))
    }
    let authority = try SigningAuthority.selfSigned(in: state, policy, now: now)
    log.info("signing by the self-signed authority that \(state.path) keeps")
    return (AuthoritySource(files: nil, marks: []), authority)
  }

  /// Looks whether the files have changed, and puts what they hold in force; what cannot be used is
  /// reported once, and the authority in force stays.
  mutating func refresh(
    _ authority: CertificateAuthority, now: Int64, report: (String) -> Void
  ) -> Bool {
    guard let files else { return false }
    let fresh = files.marks
    guard fresh != marks else { return false }
    marks = fresh
    do throws(AuthorityError) {
      try authority.replace(with: try SigningAuthority(files, now: now))
      return true
    } catch {
      report("the authority in \(files.folder) stays as it was: \(error)")
      return false
    }
  }
}
