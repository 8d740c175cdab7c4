// SPDX-License-Identifier: Apache-2.0

/// Believes what a gateway in front of the control plane tells of the certificate that its client has
/// shown (`x-forwarded-client-cert`), where the gateway's address is trusted; whoever else sends the
/// header proves nothing by it.
public struct ForwardedCertificateAuthenticator: CallerAuthenticator {
  private let isTrusted: @Sendable (_ address: String) -> Bool
  private let trustDomains: @Sendable () -> Set<String>

  static let header = "x-forwarded-client-cert"

  /// An authenticator of some trust domains.
  ///
  /// - Parameter isTrusted: Whether a gateway has an IP address.
  public init(
    trustDomains: @escaping @Sendable () -> Set<String>,
    isTrusted: @escaping @Sendable (_ address: String) -> Bool
  ) {
    self.trustDomains = trustDomains
    self.isTrusted = isTrusted
  }

  /// Istiod's name of it.
  public var name: String { "XfccAuthenticator" }

  /// Who the certificates that are told of say it is; names of other trust domains do not count.
  public func authenticate(
    _ credentials: CallerCredentials
  ) async throws(AuthenticationFailure) -> Caller {
    guard let header = credentials.forwardedCertificate, !header.isEmpty else {
      throw AuthenticationFailure("no certificate is told of in \(Self.header)")
    }
    guard isTrusted(credentials.address) else {
      throw AuthenticationFailure(
        "the caller's address is not among those that may send \(Self.header)")
    }
    guard let uris = ForwardedCertificates(header)?.uris else {
      throw AuthenticationFailure("\(Self.header) cannot be read")
    }
    let known = trustDomains()
    let named = uris.compactMap(SpiffeID.init).filter { known.contains($0.trustDomain) }
    guard !named.isEmpty else {
      throw AuthenticationFailure(
        "\(Self.header) tells of no SPIFFE name of a service account of this mesh")
    }
    return Caller(.certificate, named)
  }
}

/// The header `x-forwarded-client-cert` as Envoy writes it: elements with commas between them, each of
/// pairs `Key=Value` with semicolons between them, whose values may stand in double quotes.
struct ForwardedCertificates {
  /// The URI names of all elements, in order.
  private(set) var uris: [String] = []

  /// The most bytes that a header may have.
  private static let sizeLimit = 64 << 10
  private static let keys: Set<String> = ["by", "hash", "cert", "chain", "subject", "uri", "dns"]

  /// Reads the header; nil where it is not written as it should be.
  init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count <= Self.sizeLimit else { return nil }
    var rest = bytes[...]
    while true {
      guard let key = Self.key(&rest), let (value, end) = Self.value(&rest) else { return nil }
      if key == "uri" { uris.append(value) }
      if end == nil { return }
      // Envoy writes no space behind a comma, other proxies do.
      if end == UInt8(ascii: ",") { rest = rest.drop { $0 == 0x20 } }
    }
  }

  private static func key(_ rest: inout ArraySlice<UInt8>) -> String? {
    guard let equals = rest.firstIndex(of: UInt8(ascii: "=")) else { return nil }
    let key = String(decoding: rest[..<equals], as: UTF8.self).lowercased()
    rest = rest[(equals + 1)...]
    return keys.contains(key) ? key : nil
  }

  /// A value, and what ends it: a comma, a semicolon, or nil for the end of the header.
  private static func value(
    _ rest: inout ArraySlice<UInt8>
  ) -> (text: String, end: UInt8?)? {
    var value: [UInt8] = []
    let isQuoted = rest.first == UInt8(ascii: "\"")
    if isQuoted {
      rest.removeFirst()
      guard quoted(&rest, into: &value) else { return nil }
    } else {
      let end = rest.firstIndex { [UInt8(ascii: ","), UInt8(ascii: ";")].contains($0) }
      value = Array(rest[..<(end ?? rest.endIndex)])
      rest = rest[(end ?? rest.endIndex)...]
      guard !value.contains(UInt8(ascii: "\"")) else { return nil }
    }
    let text = String(decoding: value, as: UTF8.self)
    guard let end = rest.popFirst() else { return (text, nil) }
    guard [UInt8(ascii: ","), UInt8(ascii: ";")].contains(end) else { return nil }
    return (text, end)
  }

  /// The rest of a value in quotes, in which a backslash stands before a quote; false without its end.
  private static func quoted(_ rest: inout ArraySlice<UInt8>, into value: inout [UInt8]) -> Bool {
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "\""): return true
      case UInt8(ascii: "\\"):
        guard let escaped = rest.popFirst() else { return false }
        value.append(escaped)
      default: value.append(byte)
      }
    }
    return false
  }
}
