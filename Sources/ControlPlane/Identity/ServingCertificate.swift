// SPDX-License-Identifier: Apache-2.0

import CertificateAuthority
import Cryptography
import GRPC
import StateDirectory

/// The certificate that the TLS port shows: issued by our own authority and renewed at half of its
/// life, or read from the files of `--tlsCertFile` and `--tlsKeyFile` as they change.
struct ServingCertificate {
  private let authority: CertificateAuthority
  private let options: IdentityOptions
  private var marks: [FileMark?] = []
  private var renewAt: Int64 = 0
  private var issuer: Certificate?

  /// The life of an issued certificate, in seconds.
  private static let lifetime: Int64 = 24 * 3600

  init(_ authority: CertificateAuthority, _ options: IdentityOptions) {
    self.authority = authority
    self.options = options
  }

  /// The identity to serve by from now on; nil where the one before is still good.
  mutating func refresh(now: Int64) throws -> TLSIdentity? {
    options.certificateFile.isEmpty ? try renew(now: now) : try read()
  }

  private mutating func renew(now: Int64) throws -> TLSIdentity? {
    guard let signer = authority.current else { return nil }
    let roots = [files.clientRoots].map { FileMark($0) }
    guard now >= renewAt || issuer !== signer.certificate || roots != marks else { return nil }
    marks = roots
    let key = try PrivateKey(generating: .p256)
    let issued = try authority.issue(
      for: SubjectKey(key.publicKey()), names: options.serverNames.map { .dns($0) },
      lifetime: ServingCertificate.lifetime)
    renewAt = now + max(1, (issued.end - now) / 2)
    issuer = signer.certificate
    return TLSIdentity(
      certificateChainPEM: issued.chainPEM, privateKeyPEM: try key.pem(),
      trustedRootsPEM: issued.rootsPEM + (try additionalRoots()))
  }

  private mutating func read() throws -> TLSIdentity? {
    guard let signer = authority.current else { return nil }
    let fresh = [files.certificate, files.key, files.clientRoots].map { FileMark($0) }
    guard fresh != marks || issuer !== signer.certificate else { return nil }
    let chain = try FileBytes.read(files.certificate)
    let key = try PrivateKey(pem: FileBytes.read(files.key))
    guard try Certificate(pem: chain).publicKey().matches(key.publicKey()) else {
      throw CryptographyError(
        "the key in \(files.key) does not belong to the certificate in \(files.certificate)")
    }
    let roots = signer.rootsPEM + (try additionalRoots())
    (marks, issuer) = (fresh, signer.certificate)
    return TLSIdentity(
      certificateChainPEM: String(decoding: chain, as: UTF8.self), privateKeyPEM: try key.pem(),
      trustedRootsPEM: roots)
  }

  /// The roots of `--caCertFile`, by which clients' certificates may be signed too.
  private func additionalRoots() throws -> String {
    guard !options.clientRootsFile.isEmpty else { return "" }
    return try Certificate.list(pem: FileBytes.read(options.clientRootsFile)).map(\.pem).joined()
  }

  private var files: (certificate: String, key: String, clientRoots: String) {
    (options.certificateFile, options.keyFile, options.clientRootsFile)
  }
}
