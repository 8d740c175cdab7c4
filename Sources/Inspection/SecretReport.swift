// SPDX-License-Identifier: Apache-2.0

import JSON

/// What a table tells of a certificate.
public struct CertificateFacts: Hashable, Sendable {
  /// The serial number, hexadecimal.
  public var serial: String
  /// The validity, in seconds since 1970.
  public var notBefore: Int64
  /// Its end.
  public var notAfter: Int64

  /// These facts.
  public init(serial: String, notBefore: Int64, notAfter: Int64) {
    self.serial = serial
    self.notBefore = notBefore
    self.notAfter = notAfter
  }
}

/// `proxy-config secret`: the certificates that a proxy has; private keys are never looked at.
public struct SecretReport: Sendable {
  private let rows: [[String]]

  /// The secrets of a dump at the time `now` (seconds since 1970).
  ///
  /// `facts` reads the first certificate of base64; `time` writes a time for people.
  public init(
    _ dump: ProxyDump, now: Int64, facts: (_ base64: String) -> CertificateFacts?,
    time: (Int64) -> String
  ) {
    rows = dump.secrets.map { state, row in
      let secret = row.field("secret")
      let chain = secret?.at("tls_certificate", "certificate_chain", "inline_bytes")?.string
      let roots = secret?.at("validation_context", "trusted_ca", "inline_bytes")?.string
      let kind = chain != nil ? "Cert Chain" : roots != nil ? "CA" : ""
      let found = (chain ?? roots).flatMap(facts)
      let isValid = found.map { $0.notBefore <= now && now < $0.notAfter } ?? false
      return [
        row.text("name"), kind, state, isValid ? "true" : "false", found?.serial ?? "",
        found.map { time($0.notAfter) } ?? "", found.map { time($0.notBefore) } ?? "",
      ]
    }
  }

  /// istioctl's table, or its sentence where there are none.
  public var text: String { text(isTyped: false) }

  /// istioctl's table, or its sentence where there are none.
  ///
  /// - Parameter isTyped: Whether each row says what it is of, as among tables of all kinds.
  public func text(isTyped: Bool) -> String {
    guard !rows.isEmpty else { return "No active or warming secrets found.\n" }
    return TextTable(
      [
        "RESOURCE NAME", "TYPE", "STATUS", "VALID CERT", "SERIAL NUMBER", "NOT AFTER", "NOT BEFORE",
      ], rows.map { isTyped ? ["secret/" + $0[0]] + $0.dropFirst() : $0 }
    ).text
  }
}
