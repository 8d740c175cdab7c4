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
      warn(
        server.tls?.httpsRedirect == true && !Names.isHTTP(port.protocol),
        servers[index]["tls"]["httpsRedirect"], "has an effect on HTTP servers only")
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
    hostPattern(String(name), allowsAddresses: true, path)
  }

  /// A domain name, a pattern of them, or `*`.
  mutating func hostPattern(_ text: String, allowsAddresses: Bool, _ path: FieldPath) {
    require(text == "*" || text.contains("."), path, "short names are not allowed")
    if !allowsAddresses || IPAddress(text) == nil { wildcardDomain(text, path) }
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
    let isHTTP = Names.isHTTP(protocolName)
    let isRedirectOnly =
      [.passthrough, .autoPassthrough].contains(tls.mode) && tls.caCertificates.isEmpty
      && tls.privateKey.isEmpty && tls.serverCertificate.isEmpty
    require(
      isHTTP && isRedirectOnly, path["tls"], "does not go with the protocol \(protocolName)")
  }
}

extension Names {
  /// Whether requests of HTTP are spoken in the clear under a protocol's name.
  static func isHTTP(_ text: String) -> Bool {
    ["http", "http2", "grpc", "grpc-web", "http_proxy"].contains(text.lowercased())
  }

  /// Whether Istio knows a protocol of this name.
  static func isProtocol(_ text: String) -> Bool {
    [
      "tcp", "udp", "grpc", "grpc-web", "http", "http_proxy", "http2", "https", "tls", "mongo",
      "redis", "mysql",
    ].contains(text.lowercased())
  }
}
