// SPDX-License-Identifier: Apache-2.0
//
// Owner: the object holds one reference of the EVP_PKEY. Threads: any; a key is not changed once it
// is made, and OpenSSL lets several threads sign with it. Freed: with the object, cleared.

internal import COpenSSL

/// A private key, whose description says what kind it is, never more.
public final class PrivateKey: Sendable, CustomStringConvertible {
  /// What key is to be made.
  public enum Algorithm: Hashable, Sendable {
    /// ECDSA on P-256.
    case p256
    /// ECDSA on P-384.
    case p384
    /// RSA of so many bits.
    case rsa(bits: Int)
  }

  nonisolated(unsafe) let pointer: OpaquePointer  // SAFETY: see the head of the file.

  /// A new key from OpenSSL's random numbers.
  public init(generating algorithm: Algorithm) throws(CryptographyError) {
    pointer = try PrivateKey.generate(algorithm)
  }

  /// The one key of a PEM text, in PKCS #8 or the older forms, without a passphrase.
  public init(pem: [UInt8]) throws(CryptographyError) {
    pointer = try withReader(pem) { memory throws(CryptographyError) in
      try need(
        PEM_read_bio_PrivateKey(memory, nil, refusePassphrase, nil),
        "it holds no private key in PEM without a passphrase")
    }
    ERR_clear_error()
  }

  deinit { EVP_PKEY_free(pointer) }

  /// What the key is.
  public var kind: PublicKey.Kind { keyKind(pointer) }

  /// The kind, never more.
  public var description: String { "PrivateKey(\(kind))" }

  /// The key as PKCS #8, PEM: to be written where only its owner reads, and nowhere else.
  public func pem() throws(CryptographyError) -> String {
    try written(secret: true) {
      PEM_write_bio_PKCS8PrivateKey($0, pointer, nil, nil, 0, refusePassphrase, nil)
    }
  }

  /// Its public key.
  public func publicKey() throws(CryptographyError) -> PublicKey {
    let der = encoded { i2d_PUBKEY(pointer, $0) }
    return try PublicKey(der: der)
  }

  private static func generate(_ algorithm: Algorithm) throws(CryptographyError) -> OpaquePointer {
    let what = "a key cannot be made"
    let name =
      switch algorithm {
      case .rsa: "RSA"
      case .p256, .p384: "EC"
      }
    let context = try need(EVP_PKEY_CTX_new_from_name(nil, name, nil), what)
    defer { EVP_PKEY_CTX_free(context) }
    try need(EVP_PKEY_keygen_init(context), what)
    switch algorithm {
    case .p256: try need(EVP_PKEY_CTX_set_group_name(context, "P-256"), what)
    case .p384: try need(EVP_PKEY_CTX_set_group_name(context, "P-384"), what)
    case .rsa(let bits):
      guard bits >= 2048, let size = Int32(exactly: bits) else {
        throw CryptographyError("an RSA key needs at least 2048 bits, not \(bits)")
      }
      try need(EVP_PKEY_CTX_set_rsa_keygen_bits(context, size), what)
    }
    var key: OpaquePointer?
    try need(EVP_PKEY_generate(context, &key), what)
    return try need(key, what)
  }
}

extension PublicKey {
  /// The key of a SubjectPublicKeyInfo, DER.
  public convenience init(der: [UInt8]) throws(CryptographyError) {
    let key = der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
      var cursor = buffer.baseAddress
      return d2i_PUBKEY(nil, &cursor, buffer.count)
    }
    self.init(taking: try need(key, "it is no public key"))
  }
}
