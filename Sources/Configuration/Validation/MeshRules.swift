// SPDX-License-Identifier: Apache-2.0

import JSON

extension Istio.Mesh.MeshConfig {
  /// What is wrong with the settings; an error means that they must not be used.
  ///
  /// Verdicts are those of istiod. A provider that is wrong is a warning: it need not be used.
  public func validate() -> [Diagnostic] {
    var checker = Checker()
    checker.check(self, FieldPath())
    return checker.diagnostics
  }
}

extension Istio.Mesh.MeshNetworks {
  /// What is wrong with the networks; an error means that they must not be used.
  public func validate() -> [Diagnostic] {
    var checker = Checker()
    for (name, network) in networks.sorted(by: { $0.key < $1.key }) {
      checker.check(network, FieldPath()["networks"][name])
    }
    return checker.diagnostics
  }
}

extension Checker {
  fileprivate mutating func check(_ mesh: Istio.Mesh.MeshConfig, _ path: FieldPath) {
    port(mesh.proxyListenPort, path["proxyListenPort"])
    connectTimeout(mesh.connectTimeout ?? .zero, path["connectTimeout"])
    detectionTimeout(mesh.protocolDetectionTimeout ?? .zero, path["protocolDetectionTimeout"])
    if let proxy = mesh.defaultConfig {
      check(proxy, path["defaultConfig"])
    } else {
      error(path["defaultConfig"], "must be given")
    }
    if let locality = mesh.localityLbSetting {
      check(locality, hasOutlierDetection: true, path["localityLbSetting"])
    }
    if let zones = mesh.zoneAwareLbSetting {
      check(zones, hasOutlierDetection: true, path["zoneAwareLbSetting"])
    }
    check(mesh.serviceSettings, path["serviceSettings"])
    trustDomain(mesh.trustDomain, path["trustDomain"])
    for (index, alias) in mesh.trustDomainAliases.enumerated() {
      trustDomain(alias, path["trustDomainAliases"][index])
    }
    curves(mesh, path)
    check(mesh.defaultTrafficPolicy, path["defaultTrafficPolicy"])
    var providers = Checker()
    providers.check(mesh.extensionProviders, path["extensionProviders"])
    for problem in providers.diagnostics { warn(true, problem.path, problem.message) }
  }

  /// Checks settings of services.
  mutating func check(
    _ settings: [Istio.Mesh.MeshConfig.ServiceSettings], _ path: FieldPath
  ) {
    for (index, settings) in settings.enumerated() {
      for (number, host) in settings.hosts.enumerated() {
        wildcardDomain(host, path[index]["hosts"][number])
      }
    }
  }

  /// Checks how long a connection may take to be made: up to an hour.
  mutating func connectTimeout(_ timeout: Duration, _ path: FieldPath) {
    duration(timeout, path)
    require(timeout <= .seconds(3600), path, "must be at most 1h")
  }

  /// Checks how long a client may be silent before its protocol is guessed; 0 is for ever.
  mutating func detectionTimeout(_ timeout: Duration, _ path: FieldPath) {
    require(
      timeout.components.attoseconds % 1_000_000_000_000_000 == 0, path,
      "must be whole milliseconds")
  }

  /// Checks how long connections are drained: whole seconds.
  mutating func drainDuration(_ time: Duration?, _ path: FieldPath) {
    let time = time ?? .zero
    duration(time, path)
    require(
      time < .milliseconds(1) || time.components.attoseconds == 0, path, "must be whole seconds")
  }

  /// Checks a domain of identities.
  mutating func trustDomain(_ name: String, _ path: FieldPath) {
    require(
      !name.isEmpty && Names.isTrustDomain(name), path,
      name.isEmpty ? "must not be empty" : "\"\(name)\" is not a domain")
  }

  private mutating func curves(_ mesh: Istio.Mesh.MeshConfig, _ path: FieldPath) {
    require(
      mesh.meshMTLS?.ecdhCurves.isEmpty ?? true, path["meshMTLS"]["ecdhCurves"],
      "cannot be chosen within the mesh")
    var seen: Set<String> = []
    for (index, curve) in (mesh.tlsDefaults?.ecdhCurves ?? []).enumerated() {
      let here = path["tlsDefaults"]["ecdhCurves"][index]
      let isKnown = Names.isCurve(curve)
      warn(!isKnown, here, "\"\(curve)\" is not a curve that is known")
      warn(isKnown && !seen.insert(curve).inserted, here, "\"\(curve)\" is given twice")
    }
  }

  /// Checks the policy of destinations without a rule.
  mutating func check(
    _ policy: Istio.Mesh.MeshConfig.DefaultTrafficPolicy?, _ path: FieldPath
  ) {
    if let pool = policy?.connectionPool { check(pool, path["connectionPool"]) }
    if var outlier = policy?.outlierDetection {
      // istiod does not say here that the field is deprecated.
      outlier.consecutiveErrors = 0
      check(outlier, path["outlierDetection"])
    }
  }

  /// Checks a network of the mesh.
  mutating func check(_ network: Istio.Mesh.Network, _ path: FieldPath) {
    for (index, endpoint) in network.endpoints.enumerated() {
      let here = path["endpoints"][index]
      switch endpoint {
      case .fromCidr(let range): subnet(range, here["fromCidr"])
      case .fromRegistry(let name):
        require(Names.isDNSLabel(name), here["fromRegistry"], "\"\(name)\" is not a name")
      case .unset: break
      }
    }
    for (index, gateway) in network.gateways.enumerated() {
      let here = path["gateways"][index]
      switch gateway.gw {
      case .registryServiceName(let name)?: fqdn(name, here["registryServiceName"])
      case .address(let address)?:
        require(
          IPAddress(address) != nil || Names.isDomain(address), here["address"],
          "\"\(address)\" is no IP address or domain name")
      case nil: break
      }
      port(gateway.port, here["port"])
    }
  }
}
