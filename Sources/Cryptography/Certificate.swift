// SPDX-License-Identifier: Apache-2.0
//
// Owner: the object holds one reference of the X509. Threads: any; OpenSSL locks what it caches in a
// certificate. Freed: with the object.

internal import COpenSSL

/// An X.509 certificate.
public final class Certificate: Sendable {
  nonisolated(unsafe) let pointer: OpaquePointer  // SAFETY: see the head of the file.

  /// Takes a reference over.
  init(taking pointer: OpaquePointer) { self.pointer = pointer }

  /// The first certificate of a PEM text.
  public convenience init(pem: [UInt8]) throws(CryptographyError) {
    let first = try withReader(pem) { memory throws(CryptographyError) in
      try need(
        PEM_read_bio_X509(memory, nil, refusePassphrase, nil), "it holds no certificate in PEM")
    }
    self.init(taking: first)
  }

  deinit { X509_free(pointer) }

  /// All certificates of a PEM text, in order; at least one.
  public static func list(pem: [UInt8]) throws(CryptographyError) -> [Certificate] {
    var found: [Certificate] = []
    try withReader(pem) { memory throws(CryptographyError) in
      while let next = PEM_read_bio_X509(memory, nil, refusePassphrase, nil) {
        found.append(Certificate(taking: next))
      }
      let end = ERR_peek_last_error()
      // The end of the text is told as an error; any other means a block that is no certificate.
      guard ERR_reason_error_string(end).map({ String(cString: $0) }) == "no start line" else {
        throw .failed("it holds a block that is no certificate")
      }
      ERR_clear_error()
    }
    guard !found.isEmpty else { throw CryptographyError("it holds no certificate in PEM") }
    return found
  }

  /// The certificate as PEM, with an end of line.
  public var pem: String {
    (try? written { PEM_write_bio_X509($0, pointer) }) ?? ""
  }

  /// The certificate as DER.
  public var der: [UInt8] { encoded { i2d_X509(pointer, $0) } }

  /// The serial number in lower-case hexadecimal, without leading zeros.
  public var serial: String {
    guard let number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(pointer), nil) else { return "" }
    defer { BN_free(number) }
    guard let text = BN_bn2hex(number) else { return "" }
    defer { CRYPTO_free(text, #file, #line) }
    let digits = String(cString: text).lowercased().drop { $0 == "0" }
    return digits.isEmpty ? "0" : String(digits)
  }

  /// The subject as OpenSSL prints it, such as `O = cluster.local`.
  public var subject: String { name(X509_get_subject_name(pointer)) }

  /// The issuer as OpenSSL prints it.
  public var issuer: String { name(X509_get_issuer_name(pointer)) }

  /// The first second of its life, since 1970.
  public var notBefore: Int64 { seconds(X509_get0_notBefore(pointer)) }

  /// The last second of its life, since 1970.
  public var notAfter: Int64 { seconds(X509_get0_notAfter(pointer)) }

  /// Whether it may sign certificates: basic constraints say CA, and key usage, where it is there,
  /// has keyCertSign.
  public var isAuthority: Bool {
    // 1: by basic constraints; other values are guesses for old certificates.
    X509_check_ca(pointer) == 1
  }

  /// Whether its issuer is its subject.
  public var isSelfIssued: Bool {
    X509_NAME_cmp(X509_get_subject_name(pointer), X509_get_issuer_name(pointer)) == 0
  }

  /// Its public key.
  public func publicKey() throws(CryptographyError) -> PublicKey {
    PublicKey(taking: try need(X509_get_pubkey(pointer), "it has no public key that is known"))
  }

  /// The URIs of its subject alternative names.
  public var uris: [String] { names(GEN_URI) }

  /// The DNS names of its subject alternative names.
  public var dnsNames: [String] { names(GEN_DNS) }

  private func names(_ kind: GENERAL_NAME_TYPE) -> [String] {
    guard let list = X509_get_ext_d2i(pointer, NID_subject_alt_name, nil, nil) else { return [] }
    let stack = OpaquePointer(list)
    defer { GENERAL_NAMES_free(stack) }
    return (0..<OPENSSL_sk_num(stack)).compactMap { index in
      guard let entry = OPENSSL_sk_value(stack, index) else { return nil }
      let name = entry.assumingMemoryBound(to: GENERAL_NAME.self).pointee
      guard name.type == kind, let text = name.d.ia5 else { return nil }
      let bytes = UnsafeBufferPointer(
        start: ASN1_STRING_get0_data(text), count: Int(ASN1_STRING_length(text)))
      // A NUL or a byte beyond ASCII would let a name look like another.
      guard bytes.allSatisfy({ (0x21...0x7e).contains($0) }) else { return nil }
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  private func name(_ name: OpaquePointer?) -> String {
    (try? written {
      X509_NAME_print_ex($0, name, 0, copenssl_name_on_one_line) >= 0 ? 1 : 0
    }) ?? ""
  }

  private func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
    var (days, seconds): (Int32, Int32) = (0, 0)
    guard let epoch = ASN1_TIME_set(nil, 0) else { return 0 }
    defer { ASN1_STRING_free(epoch) }
    guard ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 else { return 0 }
    return Int64(days) * 86_400 + Int64(seconds)
  }
}

private typealias GENERAL_NAME_TYPE = Int32
