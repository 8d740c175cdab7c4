// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Checks a Gateway.
  mutating func check(_ object: ConfigObject<Istio.Gateway>, _ path: FieldPath) {
    let servers = path["servers"]
    require(
      Names.isDNSLabel(object.meta.name), FieldPath()["metadata"]["name"],
      "is not a name without dots")
    require(!object.spec.servers.isEmpty, servers, "must have a server")
    var names: Set<String> = []
    for (index, server) in object.spec.servers.enumerated() {
      check(server, servers[index])
      guard let port = server.port else { continue }
      require(
        names.insert(port.name).inserted, servers[index]["port"]["name"],
        "port names must be unique")
    }
  }

  private mutating func check(_ server: Istio.Server, _ path: FieldPath) {
    require(!server.hosts.isEmpty, path["hosts"], "must have a host")
    for (index, host) in server.hosts.enumerated() { gatewayHost(host, path["hosts"][index]) }
    let socket = server.bind.hasPrefix("unix://")
    if let port = server.port {
      check(port, isSocket: socket, path["port"])
    } else {
      error(path["port"], "port must be given")
    }
    if socket {
      require(Names.isUnixSocket(server.bind), path["bind"], "must be the absolute path of a file")
      require(
        (server.port?.number ?? 0) == 0, path["port"]["number"],
        "port number must be 0 for a Unix socket")
    } else if !server.bind.isEmpty {
      require(IPAddress(server.bind) != nil, path["bind"], "is no IP address")
    }
    if let tls = server.tls { check(tls, path["tls"]) }
    agreement(server, path)
  }

  private mutating func gatewayHost(_ host: String, _ path: FieldPath) {
    let parts = host.split(separator: "/", omittingEmptySubsequences: false)
    require(parts.count < 3, path, "is no host or namespace/host")
    guard let name = parts.last, parts.count < 3 else { return }
    if parts.count == 2 {
      let isNamespace = parts[0] == "*" || parts[0] == "." || Names.isDNSLabel(parts[0])
      require(isNamespace, path, "\"\(parts[0])\" is not a namespace")
    }
    let text = String(name)
    if IPAddress(text) == nil { hostPattern(text, path) }
  }

  /// A domain name, a pattern of them, or `*`.
  mutating func hostPattern(_ text: String, _ path: FieldPath) {
    require(text == "*" || text.contains("."), path, "short names are not allowed")
    wildcardDomain(text, path)
    require(
      !text.contains("*") || text == "*" || text.hasPrefix("*."), path,
      "partial wildcard \"\(text)\" is not allowed")
  }

  private mutating func check(_ port: Istio.Port, isSocket: Bool, _ path: FieldPath) {
    require(
      Names.isProtocol(port.protocol), path["protocol"], "invalid protocol \"\(port.protocol)\"")
    if port.number > 0 || !isSocket { self.port(port.number, path["number"]) }
    require(port.targetPort == 0, path["targetPort"], "does nothing for gateways")
    require(!port.name.isEmpty, path["name"], "port name must not be empty")
  }

  /// Checks that the port's protocol and its TLS settings go together.
  private mutating func agreement(_ server: Istio.Server, _ path: FieldPath) {
    guard let protocolName = server.port?.protocol.uppercased(), Names.isProtocol(protocolName)
    else { return }
    let isTLS = protocolName == "HTTPS" || protocolName == "TLS"
    require(
      !isTLS || server.tls != nil, path["tls"], "TLS settings must be given for \(protocolName)")
    guard !isTLS, let tls = server.tls else { return }
    let isHTTP = ["HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY"].contains(protocolName)
    let isRedirectOnly =
      [.passthrough, .autoPassthrough].contains(tls.mode) && tls.caCertificates.isEmpty
      && tls.privateKey.isEmpty && tls.serverCertificate.isEmpty
    require(
      isHTTP && isRedirectOnly, path["tls"], "does not go with the protocol \(protocolName)")
  }

  /// Checks how a server proves who it is.
  mutating func check(_ tls: Istio.ServerTLSSettings, _ path: FieldPath) {
    let hasCredential = !tls.credentialName.isEmpty || !tls.credentialNames.isEmpty
    if tls.mode == .istioMutual {
      require(
        tls.serverCertificate.isEmpty, path["serverCertificate"], "does not go with ISTIO_MUTUAL")
      require(tls.privateKey.isEmpty, path["privateKey"], "does not go with ISTIO_MUTUAL")
      require(tls.caCertificates.isEmpty, path["caCertificates"], "does not go with ISTIO_MUTUAL")
      require(tls.tlsCertificates.isEmpty, path["tlsCertificates"], "does not go with ISTIO_MUTUAL")
      require(!hasCredential, path["credentialName"], "does not go with ISTIO_MUTUAL")
      return
    }
    let sources = [
      !tls.serverCertificate.isEmpty && !tls.privateKey.isEmpty, !tls.credentialName.isEmpty,
      !tls.credentialNames.isEmpty, !tls.tlsCertificates.isEmpty,
    ]
    require(
      sources.count { $0 } < 2, path,
      "only one of credentialName, credentialNames, serverCertificate and tlsCertificates may be given"
    )
    guard [.simple, .mutual, .optionalMutual].contains(tls.mode) else { return }
    guard !hasCredential else { return }
    if tls.mode != .simple {
      require(!tls.caCertificates.isEmpty, path["caCertificates"], "\(tls.mode.protoName) needs it")
    }
    require(tls.caCrl.isEmpty || tls.mode != .simple, path["caCrl"], "does not go with SIMPLE")
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
}

extension Names {
  /// Whether Istio knows a protocol of this name.
  static func isProtocol(_ text: String) -> Bool {
    [
      "tcp", "udp", "grpc", "grpc-web", "http", "http_proxy", "http2", "https", "tls", "mongo",
      "redis", "mysql",
    ].contains(text.lowercased())
  }
}
