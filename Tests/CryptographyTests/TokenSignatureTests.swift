// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cryptography

struct TokenSignatureTests {
  private let message = Array("header.payload".utf8)

  @Test(arguments: [PrivateKey.Algorithm.p256, .rsa(bits: 2048)])
  func aSignatureIsOfOneKeyAndMessage(_ algorithm: PrivateKey.Algorithm) throws {
    let key = try PrivateKey(generating: algorithm)
    let signed = try key.tokenSignature(of: message)
    let own = try key.publicKey()
    #expect(own.verifies(signed.signature, of: message, by: signed.algorithm))
    #expect(!own.verifies(signed.signature, of: message + [0], by: signed.algorithm))
    #expect(!own.verifies([], of: message, by: signed.algorithm))
    let other: TokenAlgorithm = signed.algorithm == .es256 ? .rs256 : .es256
    #expect(!own.verifies(signed.signature, of: message, by: other))
    let stranger = try PrivateKey(generating: algorithm).publicKey()
    #expect(!stranger.verifies(signed.signature, of: message, by: signed.algorithm))
  }

  @Test func keysAreMadeOfTheirNumbers() throws {
    let point = try PrivateKey(generating: .p256).publicKey()
    let (x, y) = try point.numbers()
    #expect(x.count == 32 && y.count == 32)
    #expect(try PublicKey(p256x: x, y: y).matches(point))
    let rsa = try PrivateKey(generating: .rsa(bits: 2048)).publicKey()
    let (modulus, exponent) = try rsa.numbers()
    #expect(try PublicKey(rsaModulus: modulus, exponent: exponent).matches(rsa))
    #expect(throws: CryptographyError.self) { try PublicKey(p256x: y, y: y) }
    #expect(throws: CryptographyError.self) { try PublicKey(p256x: x + [0], y: y) }
  }

  @Test func theEmptyPairIsNoSignature() throws {
    let key = try PrivateKey(generating: .p256).publicKey()
    let zeros = [UInt8](repeating: 0, count: 64)
    #expect(!key.verifies(zeros, of: message, by: .es256))
  }
}
