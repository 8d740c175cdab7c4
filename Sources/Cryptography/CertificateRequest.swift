// SPDX-License-Identifier: Apache-2.0
//
// Owner: the object holds one reference of the X509_REQ. Threads: any; it is not changed once it is
// made. Freed: with the object.

internal import COpenSSL

/// A certificate signing request (PKCS #10).
public final class CertificateRequest: Sendable {
  nonisolated(unsafe) private let pointer: OpaquePointer  // SAFETY: see the head of the file.

  /// The most bytes that a request may have.
  public static let sizeLimit = 16 << 10

  /// Reads one request, in PEM or DER, with nothing before or behind it.
  public init(_ bytes: [UInt8]) throws(CryptographyError) {
    guard bytes.count <= CertificateRequest.sizeLimit else {
      throw CryptographyError("it is larger than \(CertificateRequest.sizeLimit) bytes")
    }
    let der = bytes.first == 0x30 ? bytes : try CertificateRequest.body(ofPEM: bytes)
    var end = 0
    let request = der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
      var cursor = buffer.baseAddress
      let request = d2i_X509_REQ(nil, &cursor, buffer.count)
      end = cursor.map { $0 - (buffer.baseAddress ?? $0) } ?? 0
      return request
    }
    pointer = try need(request, "it is no certificate signing request")
    guard end == der.count else {
      throw CryptographyError("bytes follow the certificate signing request")
    }
  }

  /// A request of a key for itself, which names nothing: the authority takes only the key.
  public init(for key: PrivateKey) throws(CryptographyError) {
    let what = "a certificate signing request cannot be made"
    pointer = try need(X509_REQ_new(), what)
    try need(X509_REQ_set_version(pointer, 0), what)
    try need(X509_REQ_set_pubkey(pointer, key.pointer), what)
    guard X509_REQ_sign(pointer, key.pointer, EVP_sha256()) > 0 else { throw .failed(what) }
  }

  deinit { X509_REQ_free(pointer) }

  /// The request as PEM.
  public var pem: String { (try? written { PEM_write_bio_X509_REQ($0, pointer) }) ?? "" }

  /// The request as DER.
  public var der: [UInt8] { encoded { i2d_X509_REQ(pointer, $0) } }

  /// The key, after the proof that the requester has its private half: a key that is strong enough
  /// and a signature that verifies, by a digest that may be trusted.
  public func provenKey() throws(CryptographyError) -> PublicKey {
    let key = PublicKey(
      taking: try need(X509_REQ_get_pubkey(pointer), "its public key is not of a known kind"))
    if let weakness = key.kind.weakness { throw CryptographyError(weakness) }
    guard CertificateRequest.signatures.contains(X509_REQ_get_signature_nid(pointer)) else {
      throw CryptographyError("its signature is of a kind that is not taken")
    }
    guard X509_REQ_verify(pointer, key.pointer) == 1 else {
      ERR_clear_error()
      throw CryptographyError("its signature is not valid")
    }
    return key
  }

  private static let signatures: Set<Int32> = [
    NID_ecdsa_with_SHA256, NID_ecdsa_with_SHA384, NID_ecdsa_with_SHA512,
    NID_sha256WithRSAEncryption, NID_sha384WithRSAEncryption, NID_sha512WithRSAEncryption,
    NID_ED25519,
  ]

  /// The bytes inside the one block of a PEM text, which must be a request.
  private static func body(ofPEM bytes: [UInt8]) throws(CryptographyError) -> [UInt8] {
    let isSpace = { (byte: UInt8) in [0x20, 0x0a, 0x0d, 0x09].contains(byte) }
    let trimmed = bytes.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
    let text = Array(trimmed)
    let names = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"]
    let name = names.first {
      text.starts(with: "-----BEGIN \($0)-----".utf8)
        && text.reversed().starts(with: "-----END \($0)-----".utf8.reversed())
    }
    guard name != nil else {
      throw CryptographyError("it is not one certificate signing request in PEM or DER")
    }
    var (data, length): (UnsafeMutablePointer<UInt8>?, Int) = (nil, 0)
    var (kind, header): (UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<CChar>?) = (nil, nil)
    defer {
      CRYPTO_free(data, #file, #line)
      CRYPTO_free(kind, #file, #line)
      CRYPTO_free(header, #file, #line)
    }
    return try withReader(text) { memory throws(CryptographyError) in
      try need(
        PEM_read_bio(memory, &kind, &header, &data, &length), "its PEM cannot be read")
      guard BIO_ctrl(memory, BIO_CTRL_PENDING, 0, nil) == 0 else {
        throw CryptographyError("it holds more than one block of PEM")
      }
      guard header?.pointee == 0 else { throw CryptographyError("its PEM is encrypted") }
      return Array(UnsafeBufferPointer(start: data, count: length))
    }
  }
}
