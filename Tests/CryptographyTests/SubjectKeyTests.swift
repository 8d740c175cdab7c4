// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cryptography

/// Keys that are taken from requests without OpenSSL's decoders.
struct SubjectKeyTests {
  @Test(arguments: [PrivateKey.Algorithm.p256, .p384, .rsa(bits: 2048)])
  func theKeyIsTheSameAsByOpenSSL(_ algorithm: PrivateKey.Algorithm) throws {
    let key = try PrivateKey(generating: algorithm)
    let request = try CertificateRequest(for: key)
    let pem = request.pem
    for bytes in [
      request.der, Array(pem.utf8), Array(pem.utf8.dropLast()), Array("\n\(pem)\n \n".utf8),
      Array(pem.replacing("\n", with: "\r\n").utf8),
    ] {
      #expect(try SubjectKey(provenBy: bytes) == SubjectKey(key.publicKey()))
    }
  }

  /// Whatever is changed, it is taken only with the same key, and only where OpenSSL takes it too.
  @Test func nothingIsTakenThatOpenSSLRefuses() throws {
    let key = try PrivateKey(generating: .p256)
    let request = try CertificateRequest(for: key)
    let own = SubjectKey(try key.publicKey())
    var random = SystemRandomNumberGenerator()
    for good in [request.der, Array(request.pem.utf8)] {
      for count in 0..<good.count where good[count...].contains(where: { $0 > 0x20 }) {
        #expect(throws: CryptographyError.self) { try SubjectKey(provenBy: Array(good[..<count])) }
      }
      for index in good.indices {
        var bytes = good
        bytes[index] ^= UInt8.random(in: 1...255, using: &random)
        guard let taken = try? SubjectKey(provenBy: bytes) else { continue }
        #expect(taken == own && (try? CertificateRequest(bytes).provenKey()) != nil, "\(bytes)")
      }
    }
  }

  @Test func aPointThatIsNotOnTheCurveIsNoKey() throws {
    let request = try CertificateRequest(for: PrivateKey(generating: .p256)).der
    let head: [UInt8] = [0x03, 0x42, 0x00, 0x04]
    let start = try #require(
      request.indices.dropLast(68).first { request[$0..<$0 + 4].elementsEqual(head) })
    for point in [[UInt8](repeating: 0, count: 64), [UInt8](repeating: 0xff, count: 64)] {
      var bytes = request
      bytes.replaceSubrange((start + 4)..<(start + 68), with: point)
      #expect(throws: CryptographyError.self) { try SubjectKey(provenBy: bytes) }
    }
  }

  @Test func pemIsWrittenAndReadAsOpenSSLDoes() throws {
    for count in [1, 2, 3, 47, 48, 49, 95, 96, 97, 191, 192, 193] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ count) }
      let text = PEM.text("THING", bytes)
      #expect(PEM.body("THING", of: Array(text.utf8)) == bytes)
      #expect(PEM.body("OTHER", of: Array(text.utf8)) == nil)
      let lines = text.split(separator: "\n")
      #expect(lines.dropFirst().dropLast(2).allSatisfy { $0.utf8.count == 64 })
    }
    let begin = "-----BEGIN A-----\n"
    let end = "-----END A-----\n"
    for body in [
      "", "\n", "YQ\n", "YQ=\n", "YR==\n", "YQ==", "YQ==\n\n", "YWI=\nYQ==\n", "Y Q==\n",
      "YQ==\nx\n",
      "=YQ=\n", "====\n", "YW=I\n", "YQ==YQ==\n", " YQ==\n", "YQ==\r\n", "Proc-Type: 4\n\nYQ==\n",
    ] {
      #expect(PEM.body("A", of: Array((begin + body + end).utf8)) == nil, "\(body)")
    }
    #expect(PEM.body("A", of: Array((begin + "YQ==\n" + end).utf8)) == [0x61])
  }

  @Test func lengthsThatAreNotTheShortestAreRefused() {
    for bytes in [
      [], [0x30], [0x30, 0x01], [0x30, 0x80, 0, 0], [0x30, 0x81, 0x01, 0], [0x30, 0x82, 0, 0x80],
      [0x1f, 0x01, 0], [0x30, 0x84, 0, 0, 0, 1, 0], [0x30, 0x82, 0xff, 0xff, 0],
    ] as [[UInt8]] {
      var rest = bytes[...]
      #expect(DER.take(&rest) == nil, "\(bytes)")
    }
    let deep = (0..<100).reduce([UInt8]()) { inner, _ in DER.value(DER.sequence, inner) }
    #expect(!DER.isWellFormed(deep[...]) && DER.isWellFormed([0x30, 0x02, 0x05, 0]))
    #expect(!DER.isWellFormed([0x30, 0x02, 0x05, 1]))
  }
}
