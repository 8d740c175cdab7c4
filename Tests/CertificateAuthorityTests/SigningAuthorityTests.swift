// SPDX-License-Identifier: Apache-2.0

import Cryptography
import Foundation
import StateDirectory
import Testing

@testable import CertificateAuthority

struct SigningAuthorityTests {
  private let now = AuthorityFolder.now

  @Test(arguments: [false, true])
  func bothFormsOfFilesAreTaken(_ asTLS: Bool) throws {
    let folder = try AuthorityFolder()
    try folder.plugIn(asTLS: asTLS)
    let authority = try folder.load()
    #expect(authority.certificate.der == folder.signer.der)
    #expect(authority.rootsPEM == folder.root.pem)
    #expect(authority.chain.first?.der == folder.signer.der)
  }

  @Test func anIntermediateWithoutAFileOfItsChainIsTheChain() throws {
    let folder = try AuthorityFolder()
    try folder.plugIn()
    try folder.remove("cert-chain.pem")
    #expect(try folder.load().chain.map(\.der) == [folder.signer.der])
  }

  @Test func aRefusalNamesTheFile() throws {
    let folder = try AuthorityFolder()
    #expect(AuthorityFiles.found(in: folder.path) == nil)
    try folder.write("root-cert.pem", folder.root.pem)
    #expect { try folder.load() } throws: { "\($0)".contains("ca-cert.pem cannot be read") }
    try folder.plugIn()
    let stranger = try AuthorityFolder()
    let cases: [(file: String, text: String?, reason: String)] = [
      ("ca-key.pem", try stranger.signerKey.pem(), "does not belong to the certificate"),
      ("ca-key.pem", "no key", "no private key"), ("ca-key.pem", nil, "cannot be read"),
      ("ca-cert.pem", "no certificate", "no certificate in PEM"), ("ca-cert.pem", nil, "cannot be"),
      ("root-cert.pem", nil, "cannot be read"), ("root-cert.pem", "", "no certificate in PEM"),
      ("cert-chain.pem", "no chain", "no certificate in PEM"),
    ]
    for (file, text, reason) in cases {
      try folder.plugIn()
      if let text { try folder.write(file, text) } else { try folder.remove(file) }
      #expect {
        try folder.load()
      } throws: {
        "\($0)".contains("\(folder.path)/\(file) ") && "\($0)".contains(reason)
      }
    }
    try folder.plugIn()
    try folder.write("root-cert.pem", stranger.root.pem)
    #expect { try folder.load() } throws: { "\($0)".contains("no chain leads from it to a root") }
  }

  @Test func theSignerMustBeAnAuthorityAndAlive() throws {
    let leaf = try AuthorityFolder(signerIsAuthority: false)
    try leaf.plugIn()
    #expect { try leaf.load() } throws: { "\($0)".contains("may not sign others") }
    let short = try AuthorityFolder(signerEnd: now + 10)
    try short.plugIn()
    _ = try short.load()
    #expect { try short.load(at: now + 11) } throws: { "\($0)".contains("certificate has expired") }
    #expect { try short.load(at: now - 11) } throws: { "\($0)".contains("not yet valid") }
  }

  @Test func leavesAreClippedToThePolicyAndTheirIssuer() throws {
    let folder = try AuthorityFolder(signerEnd: now + 5000)
    try folder.plugIn()
    var policy = IssuingPolicy()
    policy.standardLifetime = 100
    policy.longestLifetime = 10_000
    let at = now
    let authority = CertificateAuthority(try folder.load(), policy: policy, now: { at })
    let key = SubjectKey(try PrivateKey(generating: .p256).publicKey())
    let ends: [(asked: Int64, given: Int64)] = [
      (0, 100), (-1, 100), (60, 60), (.max, 5000), (9000, 5000),
    ]
    for (asked, given) in ends {
      let issued = try authority.issue(for: key, names: [.uri("spiffe://a/b")], lifetime: asked)
      let leaf = try issued.leaf.certificate()
      #expect(leaf.notAfter == now + given && leaf.notBefore == now - 120)
      try leaf.verify(intermediates: issued.chain, roots: issued.roots, at: now)
    }
  }

  @Test func rootsChangeOnlyStepByStep() throws {
    let (old, fresh) = (try AuthorityFolder(), try AuthorityFolder())
    try old.plugIn()
    try fresh.plugIn()
    let at = now
    let authority = CertificateAuthority(try old.load(), policy: IssuingPolicy(), now: { at })
    let replacement = try fresh.load()
    #expect(throws: AuthorityError.self) { try authority.replace(with: replacement) }
    try fresh.write("root-cert.pem", fresh.root.pem + old.root.pem)
    try authority.replace(with: fresh.load())
    try fresh.plugIn()
    try authority.replace(with: fresh.load())
    #expect(authority.current?.rootsPEM == fresh.root.pem)
  }
}
