// SPDX-License-Identifier: Apache-2.0

import Cryptography
import Foundation

@testable import CertificateAuthority

/// A root, an intermediate, and a folder to plug it in by; removed with the object.
final class AuthorityFolder: Sendable {
  static let now: Int64 = 1_800_000_000

  let path = NSTemporaryDirectory() + "navarch-cacerts-" + UUID().uuidString
  let root: Certificate
  let rootKey: PrivateKey
  let signer: Certificate
  let signerKey: PrivateKey

  init(signerEnd: Int64 = now + 100_000, signerIsAuthority: Bool = true) throws {
    rootKey = try PrivateKey(generating: .p256)
    signerKey = try PrivateKey(generating: .p256)
    var template = CertificateTemplate(notBefore: Self.now - 10, notAfter: Self.now + 200_000)
    template.isAuthority = true
    template.organization = "Root"
    root = try Certificate(template, for: rootKey.publicKey(), issuer: nil, key: rootKey)
    template.organization = "Intermediate"
    template.notAfter = signerEnd
    template.isAuthority = signerIsAuthority
    signer = try Certificate(template, for: signerKey.publicKey(), issuer: root, key: rootKey)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path + "/" + name), options: .atomic)
  }

  func remove(_ name: String) throws {
    try FileManager.default.removeItem(atPath: path + "/" + name)
  }

  /// All files in istiod's form, or in that of `kubernetes.io/tls`.
  func plugIn(asTLS: Bool = false) throws {
    if asTLS {
      try write("tls.crt", signer.pem)
      try write("tls.key", signerKey.pem())
      try write("ca.crt", root.pem)
    } else {
      try write("ca-cert.pem", signer.pem)
      try write("ca-key.pem", signerKey.pem())
      try write("cert-chain.pem", signer.pem + root.pem)
      try write("root-cert.pem", root.pem)
    }
  }

  func load(at now: Int64 = now) throws -> SigningAuthority {
    guard let files = AuthorityFiles.found(in: path) else {
      throw AuthorityError("nothing was found")
    }
    return try SigningAuthority(files, now: now)
  }
}
