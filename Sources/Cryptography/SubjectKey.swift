// SPDX-License-Identifier: Apache-2.0
//
// Owner: each function frees what it makes; the group is made once and kept. Threads: any.

internal import COpenSSL

/// A public key as it stands in certificates.
public struct SubjectKey: Hashable, Sendable {
  /// The SubjectPublicKeyInfo.
  public let der: [UInt8]

  /// A public key.
  public init(_ key: PublicKey) { der = key.der }

  private init(der: [UInt8]) { self.der = der }

  /// The key of a certificate signing request, in PEM or DER with nothing before or behind it, after the
  /// proof that the requester has its private half.
  ///
  /// A request on P-256, signed with SHA-256 and written as everybody writes it, is read here, without the
  /// decoders of OpenSSL, which take longer than the proof itself. Any other is left to
  /// ``CertificateRequest``, which has the last word: here nothing is refused.
  public init(provenBy request: [UInt8]) throws(CryptographyError) {
    if request.count <= CertificateRequest.sizeLimit, let usual = UsualRequest(request),
      usual.isProven
    {
      self.init(der: Array(usual.key))
    } else {
      self.init(try CertificateRequest(request).provenKey())
    }
  }
}

/// A certificate signing request of the most usual kind, in its parts.
private struct UsualRequest {
  /// What is signed.
  private let signed: ArraySlice<UInt8>
  /// The SubjectPublicKeyInfo.
  let key: ArraySlice<UInt8>
  /// The signature, an ECDSA-Sig-Value.
  private let signature: ArraySlice<UInt8>

  /// SubjectPublicKeyInfo up to the coordinates: id-ecPublicKey, prime256v1, a point uncompressed.
  private static let keyHead: [UInt8] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
    0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
  ]
  /// ecdsa-with-SHA256.
  private static let algorithm: [UInt8] = [
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
  ]
  private static let keyCount = keyHead.count + 64
  private static let pointCount = 65

  /// Takes a request apart; nil where it is not of this kind.
  init?(_ bytes: [UInt8]) {
    let body = bytes.first == DER.sequence ? bytes : PEM.body("CERTIFICATE REQUEST", of: bytes)
    guard let body, let whole = DER.only(DER.sequence, body[...]) else { return nil }
    var parts = whole.contents
    guard let info = DER.take(DER.sequence, &parts), let kind = DER.take(&parts),
      kind.whole.elementsEqual(Self.algorithm), let bits = DER.take(DER.bitString, &parts),
      parts.isEmpty, bits.contents.first == 0
    else { return nil }
    var inner = info.contents
    guard let version = DER.take(DER.integer, &inner), version.contents.elementsEqual([0]),
      let subject = DER.take(DER.sequence, &inner), DER.isWellFormed(subject.contents),
      let key = DER.take(DER.sequence, &inner), key.whole.count == Self.keyCount,
      key.whole.starts(with: Self.keyHead), let attributes = DER.take(DER.context, &inner),
      DER.isWellFormed(attributes.contents), inner.isEmpty
    else { return nil }
    signed = info.whole
    self.key = key.whole
    signature = bits.contents.dropFirst()
  }

  /// Whether the key is a point of the curve, and signed the request.
  var isProven: Bool {
    defer { ERR_clear_error() }
    guard let key = EC_KEY_new() else { return false }
    defer { EC_KEY_free(key) }
    let point = self.key.suffix(Self.pointCount)
    let isPoint = point.withUnsafeBufferPointer {
      EC_KEY_set_group(key, curve) == 1 && EC_KEY_oct2key(key, $0.baseAddress, $0.count, nil) == 1
    }
    guard isPoint else { return false }
    let digest = sha256(of: signed)
    return signature.withUnsafeBufferPointer {
      ECDSA_verify(0, digest, Int32(digest.count), $0.baseAddress, Int32($0.count), key) == 1
    }
  }
}

/// P-256.
// SAFETY: it is made before it is read, never changed and never freed; OpenSSL copies it.
private nonisolated(unsafe) let curve: OpaquePointer? =
  EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)

/// The SHA-256 of bytes.
func sha256(of bytes: ArraySlice<UInt8>) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: Int(SHA256_DIGEST_LENGTH)) { digest, count in
    var state = SHA256_CTX()
    SHA256_Init(&state)
    bytes.withUnsafeBytes { _ = SHA256_Update(&state, $0.baseAddress, $0.count) }
    SHA256_Final(digest.baseAddress, &state)
    count = Int(SHA256_DIGEST_LENGTH)
  }
}
