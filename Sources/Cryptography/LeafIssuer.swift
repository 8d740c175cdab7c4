// SPDX-License-Identifier: Apache-2.0
//
// Owner: the object holds one reference of the EC_KEY. Threads: any; the key is not changed once it is
// made, and OpenSSL lets several threads sign with it. Freed: with the object, cleared.

internal import COpenSSL

/// A leaf as it was issued.
public struct IssuedLeaf: Sendable {
  /// The certificate, DER.
  public let der: [UInt8]
  /// The serial number, big-endian.
  private let number: [UInt8]

  fileprivate init(der: [UInt8], number: [UInt8]) {
    self.der = der
    self.number = number
  }

  /// The certificate as PEM, with an end of line.
  public var pem: String { PEM.text("CERTIFICATE", der) }

  /// The serial number in lower-case hexadecimal, without leading zeros.
  public var serial: String {
    let digits = number.map { byte in
      let text = String(byte, radix: 16)
      return byte < 16 ? "0" + text : text
    }.joined().drop { $0 == "0" }
    return digits.isEmpty ? "0" : String(digits)
  }

  /// The certificate, read.
  public func certificate() throws(CryptographyError) -> Certificate {
    try Certificate(pem: Array(pem.utf8))
  }
}

/// Signs leaves by one authority.
///
/// What all of them have in common is taken from one that OpenSSL makes; the rest is written here, since
/// making each by OpenSSL takes several times as long as its signature.
public final class LeafIssuer: Sendable {
  private let key: PrivateKey
  /// The key without anything between it and its numbers, where it is on P-256.
  nonisolated(unsafe) private let curveKey: OpaquePointer?  // SAFETY: see the head of the file.
  /// How the signature is made, an AlgorithmIdentifier.
  private let algorithm: [UInt8]
  /// The issuer's name.
  private let issuer: [UInt8]
  /// All extensions but the names.
  private let extensions: [UInt8]

  /// The most random bytes that a serial number has.
  private static let serialCount = 16
  /// Version 3.
  private static let version: [UInt8] = [0xa0, 0x03, 0x02, 0x01, 0x02]
  /// The extension of the names, up to its value: it is critical, since the subject is empty.
  private static let namesHead: [UInt8] = [0x06, 0x03, 0x55, 0x1d, 0x11, 0x01, 0x01, 0xff]

  /// Leaves of an issuer, signed by its key.
  public init(_ certificate: Certificate, key: PrivateKey) throws(CryptographyError) {
    var template = CertificateTemplate(notBefore: 0, notAfter: 1)
    template.names = [.uri("urn:x")]
    let sample = try Certificate(
      template, for: key.publicKey(), issuer: certificate, key: key
    ).der
    guard let parts = SampleParts(sample), parts.version.elementsEqual(Self.version),
      parts.subject.elementsEqual([DER.sequence, 0])
    else { throw CryptographyError("a leaf cannot be made by this issuer") }
    self.key = key
    curveKey = key.kind == .p256 ? EVP_PKEY_get1_EC_KEY(key.pointer) : nil
    algorithm = Array(parts.algorithm)
    issuer = Array(parts.issuer)
    extensions = parts.extensions.filter { !$0.starts(with: Self.namesHead.prefix(5)) }
      .flatMap { DER.value(DER.sequence, Array($0)) }
    ERR_clear_error()
  }

  deinit { EC_KEY_free(curveKey) }

  /// A certificate for a key, with a random serial number of 128 bits, for TLS on both sides.
  ///
  /// - Parameters:
  ///   - names: Its subject alternative names, at least one; it has no other subject.
  ///   - notBefore: The first second of its life, since 1970.
  ///   - notAfter: The last second.
  public func leaf(
    for key: SubjectKey, names: [CertificateTemplate.Name], notBefore: Int64, notAfter: Int64
  ) throws(CryptographyError) -> IssuedLeaf {
    let number = try randomBytes(Self.serialCount)
    var contents: [UInt8] = []
    contents.reserveCapacity(1024)
    contents += Self.version
    contents += DER.number(number)
    contents += algorithm
    contents += issuer
    DER.append(DER.sequence, DER.time(notBefore) + DER.time(notAfter), to: &contents)
    DER.append(DER.sequence, [], to: &contents)
    contents += key.der
    let all = DER.value(DER.sequence, extensions + (try Self.written(names)))
    DER.append(DER.context | 3, all, to: &contents)
    let signed = DER.value(DER.sequence, contents)
    var whole = signed + algorithm
    DER.append(DER.bitString, [0] + (try signature(of: signed)), to: &whole)
    return IssuedLeaf(der: DER.value(DER.sequence, whole), number: number)
  }

  /// The extension that holds the names, each of which says no more than itself.
  private static func written(
    _ names: [CertificateTemplate.Name]
  ) throws(CryptographyError) -> [UInt8] {
    guard !names.isEmpty else { throw CryptographyError("a leaf needs a name") }
    var list: [UInt8] = []
    for name in names {
      let (tag, text) = name.tagged
      guard !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
        throw CryptographyError("the name \"\(text)\" cannot stand in a certificate")
      }
      DER.append(tag, Array(text.utf8), to: &list)
    }
    let value = DER.value(DER.octetString, DER.value(DER.sequence, list))
    return DER.value(DER.sequence, namesHead + value)
  }

  private func signature(of bytes: [UInt8]) throws(CryptographyError) -> [UInt8] {
    guard let curveKey else { return try key.signature(of: bytes) }
    let digest = sha256(of: bytes[...])
    let limit = Int(ECDSA_size(curveKey))
    var isSigned = false
    let signature = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      var length: UInt32 = 0
      isSigned =
        ECDSA_sign(0, digest, Int32(digest.count), buffer.baseAddress, &length, curveKey) == 1
      count = Int(length)
    }
    guard isSigned else { throw .failed("a certificate cannot be signed") }
    return signature
  }
}

/// The parts of a certificate that other leaves share with it.
private struct SampleParts {
  var version: ArraySlice<UInt8>
  var algorithm: ArraySlice<UInt8>
  var issuer: ArraySlice<UInt8>
  var subject: ArraySlice<UInt8>
  /// What each extension holds.
  var extensions: [ArraySlice<UInt8>] = []

  init?(_ der: [UInt8]) {
    guard var outer = DER.only(DER.sequence, der[...])?.contents,
      var parts = DER.take(DER.sequence, &outer)?.contents,
      let version = DER.take(DER.context, &parts), DER.take(DER.integer, &parts) != nil,
      let algorithm = DER.take(DER.sequence, &parts), let issuer = DER.take(DER.sequence, &parts),
      DER.take(DER.sequence, &parts) != nil, let subject = DER.take(DER.sequence, &parts),
      DER.take(DER.sequence, &parts) != nil, let last = DER.only(DER.context | 3, parts),
      var list = DER.only(DER.sequence, last.contents)?.contents
    else { return nil }
    self.version = version.whole
    self.algorithm = algorithm.whole
    self.issuer = issuer.whole
    self.subject = subject.whole
    while !list.isEmpty {
      guard let next = DER.take(DER.sequence, &list) else { return nil }
      extensions.append(next.contents)
    }
  }
}

extension PrivateKey {
  /// The signature of bytes, as certificates carry it.
  fileprivate func signature(of bytes: [UInt8]) throws(CryptographyError) -> [UInt8] {
    let what = "a certificate cannot be signed"
    let context = try need(EVP_MD_CTX_new(), what)
    defer { EVP_MD_CTX_free(context) }
    try need(EVP_DigestSignInit(context, nil, signatureDigest(of: kind), nil, pointer), what)
    var count = 0
    try need(EVP_DigestSign(context, nil, &count, bytes, bytes.count), what)
    var signature = [UInt8](repeating: 0, count: count)
    try need(EVP_DigestSign(context, &signature, &count, bytes, bytes.count), what)
    return Array(signature.prefix(count))
  }
}

extension CertificateTemplate.Name {
  /// Its tag in a GeneralName, and its text.
  fileprivate var tagged: (UInt8, String) {
    switch self {
    case .uri(let text): (0x86, text)
    case .dns(let text): (0x82, text)
    }
  }
}
