// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cryptography

struct CertificateTests {
  private static let now: Int64 = 1_800_000_000

  private func root(
    _ key: PrivateKey, life: Int64 = 1000, isAuthority: Bool = true
  ) throws -> Certificate {
    var template = CertificateTemplate(notBefore: Self.now, notAfter: Self.now + life)
    template.organization = "cluster.local"
    template.isAuthority = isAuthority
    return try Certificate(template, for: key.publicKey(), issuer: nil, key: key)
  }

  private func leaf(of root: Certificate, _ key: PrivateKey, _ names: [CertificateTemplate.Name])
    throws -> Certificate
  {
    var template = CertificateTemplate(notBefore: Self.now - 120, notAfter: Self.now + 500)
    template.names = names
    let own = try PrivateKey(generating: .p256)
    return try Certificate(template, for: own.publicKey(), issuer: root, key: key)
  }

  @Test(arguments: [PrivateKey.Algorithm.p256, .p384, .rsa(bits: 2048)])
  func aLeafIsVerifiedByItsRoot(_ algorithm: PrivateKey.Algorithm) throws {
    let key = try PrivateKey(generating: algorithm)
    let root = try root(key)
    let names: [CertificateTemplate.Name] = [
      .uri("spiffe://cluster.local/ns/a/sa/b"), .dns("istiod.istio-system.svc"),
    ]
    let leaf = try leaf(of: root, key, names)
    try leaf.verify(intermediates: [], roots: [root], at: Self.now)
    #expect(leaf.uris == ["spiffe://cluster.local/ns/a/sa/b"])
    #expect(leaf.dnsNames == ["istiod.istio-system.svc"])
    #expect(leaf.notBefore == Self.now - 120 && leaf.notAfter == Self.now + 500)
    #expect(root.isAuthority && !leaf.isAuthority && root.isSelfIssued && !leaf.isSelfIssued)
    #expect(leaf.serial.count > 24 && leaf.serial != root.serial)
    let again = try Certificate(pem: Array(leaf.pem.utf8))
    #expect(again.der == leaf.der && again.issuer == "O = cluster.local")
  }

  @Test func chainsThatDoNotHoldSayWhy() throws {
    let (key, other) = (try PrivateKey(generating: .p256), try PrivateKey(generating: .p256))
    let (root, stranger) = (try root(key), try root(other))
    let leaf = try leaf(of: root, key, [.uri("spiffe://a/ns/b/sa/c")])
    #expect(throws: CryptographyError("certificate has expired")) {
      try leaf.verify(intermediates: [], roots: [root], at: Self.now + 2000)
    }
    #expect(throws: CryptographyError.self) {
      try leaf.verify(intermediates: [], roots: [stranger], at: Self.now)
    }
    let noAuthority = try self.root(key, isAuthority: false)
    let below = try self.leaf(of: noAuthority, key, [])
    #expect(throws: CryptographyError.self) {
      try below.verify(intermediates: [], roots: [noAuthority], at: Self.now)
    }
  }

  @Test func namesThatCouldSayMoreAreRefused() throws {
    let key = try PrivateKey(generating: .p256)
    let root = try root(key)
    for text in ["spiffe://a\0b", "spiffe://a b", "spiffe://é"] {
      #expect(throws: CryptographyError.self) { try leaf(of: root, key, [.uri(text)]) }
    }
    let odd = "spiffe://a/ns/b,DNS:evil/sa/c"
    #expect(try leaf(of: root, key, [.uri(odd)]).uris == [odd])
  }

  @Test func keysSurviveTheirText() throws {
    let key = try PrivateKey(generating: .p256)
    let again = try PrivateKey(pem: Array(key.pem().utf8))
    #expect(try key.publicKey().matches(again.publicKey()))
    #expect("\(key)" == "PrivateKey(p256)")
    #expect(throws: CryptographyError.self) { try PrivateKey(pem: Array("no key".utf8)) }
    #expect(throws: CryptographyError.self) { try PrivateKey(generating: .rsa(bits: 1024)) }
  }

  @Test func aListOfCertificatesIsWholeOrRefused() throws {
    let key = try PrivateKey(generating: .p256)
    let pem = try root(key).pem
    #expect(try Certificate.list(pem: Array((pem + pem).utf8)).count == 2)
    for bad in ["", "text", pem + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
      #expect(throws: CryptographyError.self) { try Certificate.list(pem: Array(bad.utf8)) }
    }
  }
}
