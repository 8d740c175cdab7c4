// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cryptography

/// Leaves that are written here, beside those that OpenSSL writes.
struct LeafIssuerTests {
  private static let names: [CertificateTemplate.Name] = [
    .uri("spiffe://cluster.local/ns/a/sa/b"), .dns("istiod.istio-system.svc"),
    .uri("spiffe://" + String(repeating: "x", count: 300)),
  ]

  /// The values of a certificate's first part, but for the serial number.
  private static func parts(_ der: [UInt8]) throws -> [[UInt8]] {
    var outer = try #require(DER.only(DER.sequence, der[...])).contents
    var inner = try #require(DER.take(DER.sequence, &outer)).contents
    var parts: [[UInt8]] = []
    while !inner.isEmpty { parts.append(Array(try #require(DER.take(&inner)).whole)) }
    parts.remove(at: 1)
    return parts + [Array(try #require(DER.take(&outer)).whole)]
  }

  private static func issuer(_ key: PrivateKey) throws -> Certificate {
    var template = CertificateTemplate(notBefore: 0, notAfter: 4_000_000_000)
    template.organization = "cluster.local"
    template.isAuthority = true
    return try Certificate(template, for: key.publicKey(), issuer: nil, key: key)
  }

  @Test(arguments: [PrivateKey.Algorithm.p256, .p384, .rsa(bits: 2048)])
  func theySayTheSame(_ algorithm: PrivateKey.Algorithm) throws {
    let key = try PrivateKey(generating: algorithm)
    let root = try Self.issuer(key)
    let leaves = try LeafIssuer(root, key: key)
    for algorithm in [PrivateKey.Algorithm.p256, .rsa(bits: 2048)] {
      let own = try PrivateKey(generating: algorithm).publicKey()
      for count in 1...Self.names.count {
        var template = CertificateTemplate(notBefore: 1_800_000_000, notAfter: 1_800_086_400)
        template.names = Array(Self.names.prefix(count))
        let leaf = try leaves.leaf(
          for: SubjectKey(own), names: template.names, notBefore: template.notBefore,
          notAfter: template.notAfter)
        let other = try Certificate(template, for: own, issuer: root, key: key)
        #expect(try Self.parts(leaf.der) == Self.parts(other.der))
        let read = try leaf.certificate()
        #expect(read.der == leaf.der && read.pem == leaf.pem && read.serial == leaf.serial)
        try read.verify(intermediates: [], roots: [root], at: 1_800_000_001)
      }
    }
  }

  @Test(
    arguments: [
      0, 1, 68_169_599, 68_169_600, 951_782_399, 951_782_400, 951_868_800, 1_709_164_800,
      1_735_689_599, 2_524_607_999, 2_524_608_000, 4_107_542_399, 4_107_542_400, 253_402_300_799,
      -1, -86_400, -631_152_000,
    ] as [Int64])
  func datesAreThoseOfOpenSSL(_ moment: Int64) throws {
    let key = try PrivateKey(generating: .p256)
    let root = try Self.issuer(key)
    let template = CertificateTemplate(notBefore: moment, notAfter: moment)
    let other = try Certificate(template, for: key.publicKey(), issuer: root, key: key)
    let expected = DER.value(DER.sequence, DER.time(moment) + DER.time(moment))
    #expect(try Self.parts(other.der)[3] == expected)
  }

  @Test func namesThatCannotStandThereAreRefused() throws {
    let key = try PrivateKey(generating: .p256)
    let leaves = try LeafIssuer(Self.issuer(key), key: key)
    let subject = SubjectKey(try key.publicKey())
    let bad: [[CertificateTemplate.Name]] = [
      [], [.uri("")], [.uri("a b")], [.dns("é")], [.uri("a\0")],
    ]
    for names in bad {
      #expect(throws: CryptographyError.self) {
        try leaves.leaf(for: subject, names: names, notBefore: 0, notAfter: 1)
      }
    }
  }

  @Test func manyLeavesHaveSerialNumbersOfTheirOwn() throws {
    let key = try PrivateKey(generating: .p256)
    let leaves = try LeafIssuer(Self.issuer(key), key: key)
    let subject = SubjectKey(try key.publicKey())
    var serials: Set<String> = []
    for _ in 0..<600 {
      let leaf = try leaves.leaf(
        for: subject, names: [.uri("urn:x")], notBefore: 0, notAfter: 1)
      // Small first bytes and large ones are written as OpenSSL reads them.
      #expect(try leaf.certificate().serial == leaf.serial)
      serials.insert(leaf.serial)
    }
    #expect(serials.count == 600)
  }
}
