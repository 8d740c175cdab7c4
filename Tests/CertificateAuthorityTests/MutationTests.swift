// SPDX-License-Identifier: Apache-2.0

import Cryptography
import Foundation
import Testing

@testable import CertificateAuthority

/// Requests that are not what they were; `NAVARCH_MUTATIONS` says how many (`make soak` takes a
/// million).
@Suite struct MutationTests {
  private static let count =
    ProcessInfo.processInfo.environment["NAVARCH_MUTATIONS"].flatMap(Int.init) ?? 10_000

  /// A change of bytes such as an attacker or a broken line makes.
  private static func mutated(
    _ good: [UInt8], _ random: inout some RandomNumberGenerator
  ) -> [UInt8] {
    var bytes = good
    for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
      let index = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1: bytes[index] = [0, 1, 0x7f, 0x80, 0x84, 0xff].randomElement(using: &random) ?? 0
      case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
      case 3: bytes.remove(at: index)
      case 4: bytes = Array(bytes[..<index])
      default:
        let end = min(bytes.count, index + Int.random(in: 1...64, using: &random))
        bytes.insert(contentsOf: bytes[index..<end], at: index)
      }
    }
    return bytes
  }

  /// What is taken all the same, such as other spaces around PEM, is the same key with its proof.
  @Test func `no mutated request proves another key`() throws {
    var random = SystemRandomNumberGenerator()
    for algorithm in [PrivateKey.Algorithm.p256, .rsa(bits: 2048)] {
      let key = try PrivateKey(generating: algorithm)
      let request = try CertificateRequest(for: key)
      let own = SubjectKey(try key.publicKey())
      for good in [request.der, Array(request.pem.utf8)] {
        for _ in 0..<Self.count / 4 {
          let bytes = Self.mutated(good, &random)
          guard let proven = try? SubjectKey(provenBy: bytes) else { continue }
          #expect(proven == own, "\(bytes)")
          // What is read without OpenSSL's decoders they would have taken too.
          #expect((try? CertificateRequest(bytes).provenKey()) != nil, "\(bytes)")
        }
      }
    }
  }

  /// Certificates and keys come from files and Secrets, which may be broken in any way.
  @Test func `no mutated authority is used with another key`() throws {
    var random = SystemRandomNumberGenerator()
    let pair = try AuthorityPair(
      SelfSignedPolicy(organization: "cluster.local"), now: AuthorityFolder.now)
    for _ in 0..<Self.count / 10 {
      var broken = pair
      let text = Self.mutated(Array(pair.certificatePEM.utf8), &random)
      broken.certificatePEM = String(decoding: text, as: UTF8.self)
      guard let (certificate, key) = try? broken.checked("a test", at: AuthorityFolder.now) else {
        continue
      }
      #expect(try certificate.publicKey().matches(key.publicKey()))
    }
  }
}
