// SPDX-License-Identifier: Apache-2.0
//
// Owner: each function that makes a C object frees it, or gives it to one that does. Threads: any.

internal import COpenSSL

/// What a certificate is to say.
public struct CertificateTemplate: Hashable, Sendable {
  /// A subject alternative name.
  public enum Name: Hashable, Sendable {
    /// A URI, such as `spiffe://cluster.local/ns/default/sa/reviews`.
    case uri(String)
    /// A DNS name.
    case dns(String)
  }

  /// The organization of the subject; empty for none.
  public var organization = ""
  /// The subject alternative names; critical where the subject is empty, as RFC 5280 asks.
  public var names: [Name] = []
  /// The first second of its life, since 1970.
  public var notBefore: Int64
  /// The last second of its life, since 1970.
  public var notAfter: Int64
  /// Whether it is to sign certificates; else it is for TLS, on both sides.
  public var isAuthority = false

  /// A template of a certificate's life.
  public init(notBefore: Int64, notAfter: Int64) {
    self.notBefore = notBefore
    self.notAfter = notAfter
  }
}

extension Certificate {
  /// A certificate for a public key, with a random serial number of 128 bits.
  ///
  /// - Parameters:
  ///   - issuer: Who signs; nil for a certificate that is its own issuer.
  ///   - key: The issuer's key.
  public convenience init(
    _ template: CertificateTemplate, for publicKey: PublicKey, issuer: Certificate?,
    key: PrivateKey
  ) throws(CryptographyError) {
    let what = "a certificate cannot be made"
    self.init(taking: try need(X509_new(), what))
    try need(X509_set_version(pointer, 2), what)
    try setSerial()
    try setTimes(template)
    try need(X509_set_pubkey(pointer, publicKey.pointer), what)
    if !template.organization.isEmpty {
      try need(
        X509_NAME_add_entry_by_NID(
          X509_get_subject_name(pointer), NID_organizationName, MBSTRING_UTF8,
          Array(template.organization.utf8), Int32(template.organization.utf8.count), -1, 0),
        "the organization \"\(template.organization)\" cannot stand in a certificate")
    }
    let source = issuer?.pointer ?? pointer
    try need(X509_set_issuer_name(pointer, X509_get_subject_name(source)), what)
    try addUsages(template, source)
    try addNames(template)
    guard X509_sign(pointer, key.pointer, signatureDigest(of: key.kind)) > 0 else {
      throw .failed("a certificate cannot be signed")
    }
  }

  /// A root anew, with the same subject and key, so that what it signed stays good.
  public convenience init(
    renewing old: Certificate, notBefore: Int64, notAfter: Int64, key: PrivateKey
  ) throws(CryptographyError) {
    let what = "a root cannot be renewed"
    self.init(taking: try need(X509_new(), what))
    var template = CertificateTemplate(notBefore: notBefore, notAfter: notAfter)
    template.isAuthority = true
    let publicKey = try old.publicKey()
    guard try publicKey.matches(key.publicKey()) else {
      throw CryptographyError("\(what): the key is another's")
    }
    try need(X509_set_version(pointer, 2), what)
    try setSerial()
    try setTimes(template)
    try need(X509_set_pubkey(pointer, publicKey.pointer), what)
    let name = X509_get_subject_name(old.pointer)
    try need(X509_set_subject_name(pointer, name), what)
    try need(X509_set_issuer_name(pointer, name), what)
    try addUsages(template, pointer)
    guard X509_sign(pointer, key.pointer, signatureDigest(of: key.kind)) > 0 else {
      throw .failed(what)
    }
  }

  private func setSerial() throws(CryptographyError) {
    let bytes = try randomBytes(16)
    let number = try need(BN_bin2bn(bytes, Int32(bytes.count), nil), "memory is short")
    defer { BN_free(number) }
    _ = try need(
      BN_to_ASN1_INTEGER(number, X509_get_serialNumber(pointer)), "a serial number cannot be set")
  }

  private func setTimes(_ template: CertificateTemplate) throws(CryptographyError) {
    let what = "the dates cannot stand in a certificate"
    _ = try need(ASN1_TIME_set(X509_getm_notBefore(pointer), Int(template.notBefore)), what)
    _ = try need(ASN1_TIME_set(X509_getm_notAfter(pointer), Int(template.notAfter)), what)
  }

  private func addUsages(
    _ template: CertificateTemplate, _ issuer: OpaquePointer
  ) throws(CryptographyError) {
    if template.isAuthority {
      var context = X509V3_CTX()
      X509V3_set_ctx(&context, issuer, pointer, nil, nil, 0)
      let extensions: [(Int32, String)] = [
        (NID_basic_constraints, "critical,CA:TRUE"),
        (NID_key_usage, "critical,keyCertSign,cRLSign"),
        (NID_subject_key_identifier, "hash"),
      ]
      for (kind, value) in extensions { try add(kind, value, &context) }
    } else {
      for made in leafExtensions {
        try need(X509_add_ext(pointer, made, -1), "an extension cannot be added")
      }
    }
    // Of an issuer that is the certificate itself nothing may be asked: OpenSSL would remember it as
    // it is now, unfinished.
    if issuer != pointer, let key = X509_get0_subject_key_id(issuer) { try addIssuerKey(key) }
  }

  /// Names the issuer's key by the identifier in the issuer's certificate.
  private func addIssuerKey(
    _ identifier: UnsafePointer<ASN1_OCTET_STRING>
  ) throws(CryptographyError) {
    let what = "the issuer's key cannot be named"
    let value = try need(AUTHORITY_KEYID_new(), what)
    defer { AUTHORITY_KEYID_free(value) }
    value.pointee.keyid = try need(ASN1_OCTET_STRING_dup(identifier), what)
    try need(
      X509_add1_ext_i2d(
        pointer, NID_authority_key_identifier, value, 0, UInt(X509V3_ADD_DEFAULT)),
      what)
  }

  private func add(
    _ kind: Int32, _ value: String, _ context: inout X509V3_CTX
  ) throws(CryptographyError) {
    let what = "an extension cannot be added"
    let made = try need(X509V3_EXT_conf_nid(nil, &context, kind, value), what)
    defer { X509_EXTENSION_free(made) }
    try need(X509_add_ext(pointer, made, -1), what)
  }

  /// Adds the names one by one, so that none can say more than itself.
  private func addNames(_ template: CertificateTemplate) throws(CryptographyError) {
    guard !template.names.isEmpty else { return }
    let what = "the names cannot stand in a certificate"
    let list = try need(GENERAL_NAMES_new(), what)
    defer { GENERAL_NAMES_free(list) }
    for name in template.names {
      let entry = try need(GENERAL_NAME_new(), what)
      let (kind, text) = name.parts
      guard let string = ASN1_STRING_type_new(V_ASN1_IA5STRING),
        text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }),
        ASN1_STRING_set(string, text, Int32(text.utf8.count)) == 1
      else {
        GENERAL_NAME_free(entry)
        throw CryptographyError("the name \"\(text)\" cannot stand in a certificate")
      }
      GENERAL_NAME_set0_value(entry, kind, string)
      guard OPENSSL_sk_push(list, entry) > 0 else {
        GENERAL_NAME_free(entry)
        throw .failed(what)
      }
    }
    let isCritical: Int32 = template.organization.isEmpty ? 1 : 0
    try need(
      X509_add1_ext_i2d(
        pointer, NID_subject_alt_name, UnsafeMutableRawPointer(list), isCritical,
        UInt(X509V3_ADD_DEFAULT)),
      what)
  }
}

/// The extensions that every leaf has, made once.
// SAFETY: they are made before they are read, never changed and never freed; OpenSSL copies them.
private nonisolated(unsafe) let leafExtensions: [OpaquePointer] = {
  let values: [(Int32, String)] = [
    (NID_basic_constraints, "critical,CA:FALSE"),
    (NID_key_usage, "critical,digitalSignature,keyEncipherment"),
    (NID_ext_key_usage, "serverAuth,clientAuth"),
  ]
  let made = values.compactMap { X509V3_EXT_conf_nid(nil, nil, $0, $1) }
  precondition(made.count == values.count, "OpenSSL knows the extensions of leaves")
  return made
}()

extension CertificateTemplate.Name {
  fileprivate var parts: (Int32, String) {
    switch self {
    case .uri(let text): (GEN_URI, text)
    case .dns(let text): (GEN_DNS, text)
    }
  }
}

/// The digest that a kind of key signs with; nil for those that bring their own.
func signatureDigest(of kind: PublicKey.Kind) -> OpaquePointer? {
  switch kind {
  case .p384: EVP_sha384()
  case .p521: EVP_sha512()
  case .ed25519: nil
  case .rsa, .p256, .other: EVP_sha256()
  }
}

/// Random bytes that none can guess.
public func randomBytes(_ count: Int) throws(CryptographyError) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: count)
  try need(RAND_bytes(&bytes, Int32(count)), "the system gives no random numbers")
  return bytes
}
