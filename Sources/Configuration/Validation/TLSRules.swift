// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Checks how a client of `namespace` proves who it is, and whom it believes.
  mutating func check(_ tls: Istio.ClientTLSSettings, namespace: String, _ path: FieldPath) {
    if tls.credentialName.hasPrefix("configmap://") {
      let parts = tls.credentialName.dropFirst("configmap://".count).split(
        separator: "/", omittingEmptySubsequences: false)
      require(
        parts.count > 1 && parts[0] == namespace && !namespace.isEmpty && !parts[1].isEmpty,
        path["credentialName"], "must be configmap://\(namespace)/name")
    }
    let usesCertificates = tls.mode == .simple || tls.mode == .mutual
    if tls.insecureSkipVerify == true, usesCertificates {
      require(
        tls.caCertificates.isEmpty && tls.subjectAltNames.isEmpty
          && (tls.mode == .mutual || tls.credentialName.isEmpty), path["insecureSkipVerify"],
        "does not go with what would be verified")
    }
    if usesCertificates, !tls.credentialName.isEmpty {
      let files = [tls.clientCertificate, tls.caCertificates, tls.privateKey, tls.caCrl]
      require(
        files.allSatisfy(\.isEmpty), path["credentialName"],
        "does not go with certificates of files")
      return
    }
    guard tls.mode == .mutual else { return }
    require(!tls.clientCertificate.isEmpty, path["clientCertificate"], "MUTUAL needs it")
    require(!tls.privateKey.isEmpty, path["privateKey"], "MUTUAL needs it")
  }

  /// Checks how a server proves who it is.
  mutating func check(_ tls: Istio.ServerTLSSettings, _ path: FieldPath) {
    warn(
      [.tlsv1_0, .tlsv1_1].contains(tls.minProtocolVersion) && tls.cipherSuites.isEmpty,
      path["minProtocolVersion"], "needs cipherSuites: the default ones are of TLS 1.2 and later")
    suites(tls.cipherSuites, path["cipherSuites"])
    guard tls.mode != .istioMutual else { return checkMeshIdentity(tls, path) }
    let hasCredential = !tls.credentialName.isEmpty || !tls.credentialNames.isEmpty
    let isPassthrough = tls.mode == .passthrough || tls.mode == .autoPassthrough
    let files = [tls.caCrl, tls.serverCertificate, tls.privateKey, tls.caCertificates]
    warn(
      isPassthrough
        && (hasCredential || !tls.tlsCertificates.isEmpty || !files.allSatisfy(\.isEmpty)), path,
      "\(tls.mode.protoName) uses no certificates: they are ignored")
    let sources = [
      !tls.serverCertificate.isEmpty && !tls.privateKey.isEmpty, !tls.credentialName.isEmpty,
      !tls.credentialNames.isEmpty, !tls.tlsCertificates.isEmpty,
    ]
    require(
      sources.count { $0 } < 2, path,
      "only one of credentialName, credentialNames, serverCertificate and tlsCertificates may be given"
    )
    guard isPassthrough || !hasCredential else { return }
    if !isPassthrough { checkFiles(tls, path) }
    require(
      tls.caCrl.isEmpty || tls.credentialName.isEmpty, path["caCrl"],
      "is part of the credential where there is a credentialName")
    require(tls.caCrl.isEmpty || tls.mode != .simple, path["caCrl"], "does not go with SIMPLE")
  }

  private mutating func checkMeshIdentity(_ tls: Istio.ServerTLSSettings, _ path: FieldPath) {
    for (field, isGiven) in [
      ("serverCertificate", !tls.serverCertificate.isEmpty),
      ("privateKey", !tls.privateKey.isEmpty), ("caCertificates", !tls.caCertificates.isEmpty),
      ("tlsCertificates", !tls.tlsCertificates.isEmpty),
      ("credentialName", !tls.credentialName.isEmpty),
      ("credentialNames", !tls.credentialNames.isEmpty),
    ] {
      require(!isGiven, path[field], "does not go with ISTIO_MUTUAL")
    }
  }

  private mutating func checkFiles(_ tls: Istio.ServerTLSSettings, _ path: FieldPath) {
    if tls.mode != .simple {
      require(!tls.caCertificates.isEmpty, path["caCertificates"], "\(tls.mode.protoName) needs it")
    }
    warn(
      tls.tlsCertificates.count > 2, path["tlsCertificates"], "only two certificates are used")
    if tls.tlsCertificates.isEmpty {
      certificate(tls.serverCertificate, tls.privateKey, path)
    }
    for (index, pair) in tls.tlsCertificates.enumerated() {
      certificate(pair.serverCertificate, pair.privateKey, path["tlsCertificates"][index])
    }
  }

  private mutating func certificate(_ certificate: String, _ key: String, _ path: FieldPath) {
    require(!certificate.isEmpty, path["serverCertificate"], "a server certificate is needed")
    require(!key.isEmpty, path["privateKey"], "a private key is needed")
  }

  private mutating func suites(_ names: [String], _ path: FieldPath) {
    var seen: Set<String> = []
    for (index, name) in names.enumerated() {
      let isKnown = Names.isCipherSuite(name)
      warn(!isKnown, path[index], "\"\(name)\" is not a cipher suite, and is ignored")
      warn(isKnown && !seen.insert(name).inserted, path[index], "\"\(name)\" is given twice")
    }
  }
}

extension Names {
  /// Whether Istio passes a name of a cipher suite on; what begins with a sign is an expression.
  static func isCipherSuite(_ name: String) -> Bool {
    guard let first = name.unicodeScalars.first, name != "ALL" else { return true }
    guard first.properties.isAlphabetic || first.properties.numericType != nil else { return true }
    return [
      "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
      "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
      "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA",
      "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA",
      "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA", "DES-CBC3-SHA",
    ].contains(name)
  }

  /// Whether Istio knows a curve for the exchange of keys.
  static func isCurve(_ name: String) -> Bool {
    [
      "", "P-224", "P-256", "P-521", "P-384", "X25519", "X25519Kyber768Draft00", "X25519MLKEM768",
    ].contains(name)
  }
}
