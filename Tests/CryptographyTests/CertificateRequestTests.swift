// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cryptography

struct CertificateRequestTests {
  @Test(arguments: [PrivateKey.Algorithm.p256, .p384, .rsa(bits: 2048)])
  func theKeyIsTakenFromPEMAndDER(_ algorithm: PrivateKey.Algorithm) throws {
    let key = try PrivateKey(generating: algorithm)
    let request = try CertificateRequest(for: key)
    for bytes in [Array(request.pem.utf8), request.der, Array("\n\(request.pem)\n \n".utf8)] {
      let read = try CertificateRequest(bytes)
      #expect(try read.provenKey().matches(key.publicKey()))
    }
  }

  @Test func whatIsNotOneRequestIsRefused() throws {
    let request = try CertificateRequest(for: PrivateKey(generating: .p256))
    let pem = request.pem
    let bad: [[UInt8]] = [
      [], [0x30], Array("x".utf8), request.der + [0], Array(request.der.dropLast()),
      Array((pem + pem).utf8), Array(("x\n" + pem).utf8), Array((pem + "x").utf8),
      Array(pem.replacing("CERTIFICATE REQUEST", with: "CERTIFICATE").utf8),
      Array(pem.utf8) + [UInt8](repeating: 0x20, count: CertificateRequest.sizeLimit),
    ]
    for bytes in bad {
      #expect(throws: CryptographyError.self, "\(String(decoding: bytes, as: UTF8.self))") {
        try CertificateRequest(bytes)
      }
    }
  }

  @Test func aSignatureOfAnotherKeyIsNoProof() throws {
    let request = try CertificateRequest(for: PrivateKey(generating: .p256))
    var forged = request.der
    forged[forged.count - 1] ^= 1
    // The last byte is the signature's: the request still reads.
    let read = try CertificateRequest(forged)
    #expect(throws: CryptographyError("its signature is not valid")) { try read.provenKey() }
  }

  /// Every prefix of a request, and every change of one byte, is read or refused, never believed.
  @Test func mutationsAreNeverBelieved() throws {
    let key = try PrivateKey(generating: .p256)
    let request = try CertificateRequest(for: key)
    let der = request.der
    var random = SystemRandomNumberGenerator()
    for count in 0..<der.count {
      #expect(throws: CryptographyError.self) { try CertificateRequest(Array(der[..<count])) }
    }
    for _ in 0..<10_000 {
      var bytes = der
      let index = Int.random(in: 0..<bytes.count, using: &random)
      let mask = UInt8.random(in: 1...255, using: &random)
      bytes[index] ^= mask
      guard let read = try? CertificateRequest(bytes), let taken = try? read.provenKey() else {
        continue
      }
      // Nothing but a second encoding of the same signature can be proof of the key again.
      #expect(try taken.matches(key.publicKey()), "byte \(index) ^ \(mask)")
    }
  }
}
