// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Checks a Sidecar.
  mutating func check(_ object: ConfigObject<Istio.Sidecar>, _ path: FieldPath) {
    let sidecar = object.spec
    check(sidecar.workloadSelector, path["workloadSelector"])
    let isEmpty =
      sidecar.egress.isEmpty && sidecar.ingress.isEmpty && sidecar.outboundTrafficPolicy == nil
      && sidecar.inboundConnectionPool == nil
    require(!isEmpty, path, "must have ingress, egress or a policy")
    var ports: Set<UInt32> = []
    for (index, listener) in sidecar.ingress.enumerated() {
      let here = path["ingress"][index]
      check(listener, here)
      guard let port = listener.port else { continue }
      require(ports.insert(port.number).inserted, here["port"]["number"], "is given twice")
    }
    if let pool = sidecar.inboundConnectionPool { check(pool, path["inboundConnectionPool"]) }
    egress(sidecar.egress, namespace: object.meta.namespace, path["egress"])
    if let policy = sidecar.outboundTrafficPolicy {
      check(policy, path["outboundTrafficPolicy"])
    }
  }

  private mutating func check(_ listener: Istio.IstioIngressListener, _ path: FieldPath) {
    guard let port = listener.port else { return error(path["port"], "must be given") }
    check(port, path["port"])
    self.port(port.number, path["port"]["number"])
    if !listener.bind.isEmpty {
      require(IPAddress(listener.bind) != nil, path["bind"], "is no IP address")
    }
    if !listener.defaultEndpoint.isEmpty {
      endpoint(listener.defaultEndpoint, path["defaultEndpoint"])
    }
    if let pool = listener.connectionPool {
      check(pool, path["connectionPool"])
      warn(
        pool.http != nil && !Names.isHTTP(port.protocol), path["connectionPool"]["http"],
        "has no effect on a port that is not HTTP")
    }
    guard let tls = listener.tls else { return }
    let isTLS = ["https", "tls"].contains(port.protocol.lowercased())
    require(isTLS, path["tls"], "goes with the protocols HTTPS and TLS only")
    let isUnsupported =
      !tls.subjectAltNames.isEmpty || tls.httpsRedirect || !tls.credentialName.isEmpty
      || !tls.credentialNames.isEmpty || !tls.tlsCertificates.isEmpty
      || tls.mode == .istioMutual || tls.mode == .autoPassthrough
    require(!isUnsupported, path["tls"], "takes a mode and files only")
    check(tls, path["tls"])
  }

  private mutating func check(_ port: Istio.SidecarPort, _ path: FieldPath) {
    require(port.targetPort == 0, path["targetPort"], "does nothing for sidecars")
    if !port.name.isEmpty { portName(port.name, path["name"]) }
    require(
      port.protocol.isEmpty || Names.isProtocol(port.protocol), path["protocol"],
      "\"\(port.protocol)\" is no protocol")
  }

  /// `127.0.0.1:80`, `[::1]:80`, `:80` or a Unix socket.
  private mutating func endpoint(_ text: String, _ path: FieldPath) {
    if text.hasPrefix("unix://") {
      return require(Names.isUnixSocket(text), path, "must be the absolute path of a file")
    }
    let hosts = ["", "127.0.0.1", "0.0.0.0", "[::1]", "[::]"]
    let host = hosts.first { text.hasPrefix($0 + ":") && Int(text.dropFirst($0.count + 1)) != nil }
    guard let host, let number = Int(text.dropFirst(host.count + 1)) else {
      return error(
        path, "must be 127.0.0.1:port, 0.0.0.0:port, [::1]:port, [::]:port or unix://path")
    }
    port(number, path)
  }

  private mutating func egress(
    _ listeners: [Istio.IstioEgressListener], namespace: String, _ path: FieldPath
  ) {
    var ports: Set<UInt32> = []
    var sockets: Set<String> = []
    for (index, listener) in listeners.enumerated() {
      let here = path[index]
      require(!listener.hosts.isEmpty, here["hosts"], "must have a host")
      for (index, host) in listener.hosts.enumerated() { egressHost(host, here["hosts"][index]) }
      repeated(listener.hosts, namespace: namespace, here["hosts"])
      guard let port = listener.port else {
        require(
          index == listeners.count - 1, here["port"], "only the last listener may be without port")
        continue
      }
      check(port, here["port"])
      if port.number == 0 {
        socket(listener, here)
        require(sockets.insert(listener.bind).inserted, here["bind"], "is given twice")
      } else {
        self.port(port.number, here["port"]["number"])
        require(
          listener.bind.isEmpty || IPAddress(listener.bind) != nil, here["bind"],
          "is no IP address")
        require(ports.insert(port.number).inserted, here["port"]["number"], "is given twice")
      }
    }
  }

  private mutating func socket(_ listener: Istio.IstioEgressListener, _ path: FieldPath) {
    require(
      Names.isUnixSocket(listener.bind), path["bind"],
      "must be a Unix socket where the port is 0")
    require(
      listener.captureMode == .default || listener.captureMode == .none, path["captureMode"],
      "must be DEFAULT or NONE for a Unix socket")
  }

  /// `namespace/host`, where both may be patterns.
  mutating func egressHost(_ host: String, _ path: FieldPath) {
    let parts = host.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { return error(path, "must be namespace/host") }
    // `~namespace` leaves a namespace out.
    require(!parts[0].isEmpty, path, "must be namespace/host")
    let namespace = parts[0].first == "~" ? parts[0].dropFirst() : parts[0]
    require(
      ["*", ".", ""].contains(namespace) || Names.isDNSLabel(namespace), path,
      "\"\(parts[0])\" is not a namespace")
    hostPattern(String(parts[1]), allowsAddresses: false, path)
  }

  /// Warns of hosts that other hosts of the list have already.
  private mutating func repeated(_ hosts: [String], namespace: String, _ path: FieldPath) {
    var seen: [Substring: Set<Substring>] = [:]
    for (index, host) in hosts.enumerated() {
      let parts = host.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, parts[0].first != "~" else { continue }
      let space = parts[0] == "." ? namespace[...] : parts[0]
      let known = seen[space] ?? []
      let isRepeated =
        parts[1] == "*" ? !known.isEmpty : known.contains(parts[1]) || known.contains("*")
      warn(isRepeated, path[index], "\"\(host)\" is among the hosts already")
      seen[space, default: []].insert(parts[1])
    }
    warn(
      seen["*"]?.contains("*") ?? false && seen.count != 1, path, "*/* means all other hosts too")
  }

  private mutating func check(_ policy: Istio.OutboundTrafficPolicy, _ path: FieldPath) {
    guard let proxy = policy.egressProxy else { return }
    require(policy.mode == .allowAny, path["egressProxy"], "goes with ALLOW_ANY only")
    fqdn(proxy.host, path["egressProxy"]["host"])
    require(proxy.port != nil, path["egressProxy"]["port"], "must be given")
    check(proxy, path["egressProxy"])
  }
}
