// SPDX-License-Identifier: Apache-2.0
//
// Owner: the functions free all that they make. Threads: any.

internal import COpenSSL

/// The signature algorithms of tokens (JWS) that are taken.
public enum TokenAlgorithm: String, Hashable, Sendable {
  /// ECDSA on P-256 with SHA-256; a signature is two numbers of 32 bytes.
  case es256 = "ES256"
  /// RSA (PKCS #1 v1.5) with SHA-256.
  case rs256 = "RS256"
}

extension PublicKey {
  /// Whether a signature over a message was made by this key; false where the key is not of the
  /// algorithm's kind.
  public func verifies(
    _ signature: [UInt8], of message: [UInt8], by algorithm: TokenAlgorithm
  ) -> Bool {
    defer { ERR_clear_error() }
    let written: [UInt8]?
    switch (algorithm, kind) {
    case (.es256, .p256): written = derSignature(fromPair: signature)
    case (.rs256, .rsa(let bits)) where bits >= 2048: written = signature
    default: return false
    }
    guard let written, let context = EVP_MD_CTX_new() else { return false }
    defer { EVP_MD_CTX_free(context) }
    guard EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, pointer) == 1 else { return false }
    return EVP_DigestVerify(context, written, written.count, message, message.count) == 1
  }
}

extension PrivateKey {
  /// The signature of a message, as tokens carry it, and the algorithm that the key's kind means.
  public func tokenSignature(
    of message: [UInt8]
  ) throws(CryptographyError) -> (algorithm: TokenAlgorithm, signature: [UInt8]) {
    let algorithm = try tokenAlgorithm()
    let what = "the key cannot sign"
    let context = try need(EVP_MD_CTX_new(), what)
    defer { EVP_MD_CTX_free(context) }
    try need(EVP_DigestSignInit(context, nil, EVP_sha256(), nil, pointer), what)
    var count = 0
    try need(EVP_DigestSign(context, nil, &count, message, message.count), what)
    var signature = [UInt8](repeating: 0, count: count)
    try need(EVP_DigestSign(context, &signature, &count, message, message.count), what)
    signature.removeLast(signature.count - count)
    guard algorithm == .es256 else { return (algorithm, signature) }
    return (algorithm, try need(pair(fromDERSignature: signature), what))
  }

  /// The algorithm that tokens signed by this key have.
  public func tokenAlgorithm() throws(CryptographyError) -> TokenAlgorithm {
    switch kind {
    case .p256: .es256
    case .rsa: .rs256
    default: throw CryptographyError("tokens are signed by keys on P-256 or of RSA")
    }
  }
}

extension PublicKey {
  /// The key of a point on P-256, its coordinates 32 bytes each.
  public convenience init(p256x x: [UInt8], y: [UInt8]) throws(CryptographyError) {
    guard x.count == 32, y.count == 32 else {
      throw CryptographyError("the coordinates of P-256 have 32 bytes each")
    }
    // SubjectPublicKeyInfo: id-ecPublicKey, prime256v1, and the point uncompressed.
    let head: [UInt8] = [
      0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
      0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ]
    try self.init(der: head + x + y)
  }

  /// The RSA key of a modulus and an exponent, both big-endian.
  public convenience init(
    rsaModulus modulus: [UInt8], exponent: [UInt8]
  ) throws(CryptographyError) {
    let what = "they are no RSA key"
    guard modulus.count <= 1024, exponent.count <= 4 else { throw CryptographyError(what) }
    let n = try need(BN_bin2bn(modulus, Int32(modulus.count), nil), what)
    defer { BN_free(n) }
    let e = try need(BN_bin2bn(exponent, Int32(exponent.count), nil), what)
    defer { BN_free(e) }
    let builder = try need(OSSL_PARAM_BLD_new(), what)
    defer { OSSL_PARAM_BLD_free(builder) }
    // The builder keeps the names' addresses, so that they must outlive it.
    let built = OSSL_PKEY_PARAM_RSA_N.withCString { modulusName in
      OSSL_PKEY_PARAM_RSA_E.withCString { exponentName in
        OSSL_PARAM_BLD_push_BN(builder, modulusName, n) == 1
          && OSSL_PARAM_BLD_push_BN(builder, exponentName, e) == 1
          ? rsaKey(OSSL_PARAM_BLD_to_param(builder)) : nil
      }
    }
    self.init(taking: try need(built, what))
  }

  /// The coordinates of a point on P-256, or the modulus and exponent of RSA, all big-endian.
  public func numbers() throws(CryptographyError) -> (first: [UInt8], second: [UInt8]) {
    switch kind {
    case .p256:
      return (
        try number(OSSL_PKEY_PARAM_EC_PUB_X, count: 32),
        try number(OSSL_PKEY_PARAM_EC_PUB_Y, count: 32)
      )
    case .rsa:
      return (
        try number(OSSL_PKEY_PARAM_RSA_N, count: nil), try number(OSSL_PKEY_PARAM_RSA_E, count: nil)
      )
    default: throw CryptographyError("only keys on P-256 or of RSA are written out")
    }
  }

  private func number(_ name: String, count: Int?) throws(CryptographyError) -> [UInt8] {
    var number: OpaquePointer?
    try need(EVP_PKEY_get_bn_param(pointer, name, &number), "the key lacks \(name)")
    defer { BN_free(number) }
    let size = count ?? Int((BN_num_bits(number) + 7) / 8)
    var bytes = [UInt8](repeating: 0, count: size)
    guard BN_bn2binpad(number, &bytes, Int32(size)) == size else {
      throw .failed("the key has a \(name) that is too long")
    }
    return bytes
  }
}

/// The RSA key of parameters, which this frees.
private func rsaKey(_ parameters: UnsafeMutablePointer<OSSL_PARAM>?) -> OpaquePointer? {
  guard let parameters else { return nil }
  defer { OSSL_PARAM_free(parameters) }
  guard let context = EVP_PKEY_CTX_new_from_name(nil, "RSA", nil) else { return nil }
  defer { EVP_PKEY_CTX_free(context) }
  var key: OpaquePointer?
  guard EVP_PKEY_fromdata_init(context) == 1,
    EVP_PKEY_fromdata(context, &key, copenssl_public_key, parameters) == 1
  else { return nil }
  return key
}

/// The two numbers of a signature as DER; nil where they are not 32 bytes each.
private func derSignature(fromPair pair: [UInt8]) -> [UInt8]? {
  guard pair.count == 64, let signature = ECDSA_SIG_new() else { return nil }
  defer { ECDSA_SIG_free(signature) }
  let r = pair.withUnsafeBufferPointer { BN_bin2bn($0.baseAddress, 32, nil) }
  let s = pair.withUnsafeBufferPointer { BN_bin2bn($0.baseAddress.map { $0 + 32 }, 32, nil) }
  guard ECDSA_SIG_set0(signature, r, s) == 1 else {
    BN_free(r)
    BN_free(s)
    return nil
  }
  return encoded { i2d_ECDSA_SIG(signature, $0) }
}

/// The two numbers of a signature that is DER.
private func pair(fromDERSignature der: [UInt8]) -> [UInt8]? {
  let signature = der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
    var cursor = buffer.baseAddress
    return d2i_ECDSA_SIG(nil, &cursor, buffer.count)
  }
  guard let signature else { return nil }
  defer { ECDSA_SIG_free(signature) }
  var pair = [UInt8](repeating: 0, count: 64)
  let isWritten = pair.withUnsafeMutableBufferPointer { buffer -> Bool in
    guard let start = buffer.baseAddress else { return false }
    return BN_bn2binpad(ECDSA_SIG_get0_r(signature), start, 32) == 32
      && BN_bn2binpad(ECDSA_SIG_get0_s(signature), start + 32, 32) == 32
  }
  return isWritten ? pair : nil
}

/// The SHA-256 digest of bytes.
public func sha256(_ bytes: some Collection<UInt8>) -> [UInt8] {
  var digest = [UInt8](repeating: 0, count: 32)
  let input = Array(bytes)
  _ = EVP_Digest(input, input.count, &digest, nil, EVP_sha256(), nil)
  return digest
}
