// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Checks a VirtualService.
  mutating func check(_ object: ConfigObject<Istio.VirtualService>, _ path: FieldPath) {
    let service = object.spec
    let isDelegate = service.hosts.isEmpty
    if isDelegate {
      require(service.gateways.isEmpty, path["gateways"], "a delegate has no gateways")
      require(service.tls.isEmpty, path["tls"], "a delegate routes HTTP only")
      require(service.tcp.isEmpty, path["tcp"], "a delegate routes HTTP only")
    }
    gatewayNames(service.gateways, path["gateways"])
    let isOfGateways = !service.gateways.isEmpty && !service.gateways.contains("mesh")
    hosts(of: service, isOfGateways: isOfGateways, path["hosts"])
    require(
      !(service.http.isEmpty && service.tcp.isEmpty && service.tls.isEmpty), path,
      "one of http, tls and tcp must have a route")
    for (index, route) in service.http.enumerated() {
      check(route, isDelegate: isDelegate, isOfGateways: isOfGateways, path["http"][index])
    }
    for (index, route) in service.tls.enumerated() {
      check(route, of: service, isOfGateways: isOfGateways, path["tls"][index])
    }
    for (index, route) in service.tcp.enumerated() { check(route, path["tcp"][index]) }
    exportTo(
      service.exportTo, namespace: object.meta.namespace, allowsNone: false, path["exportTo"])
    unreachable(service, path)
  }

  private mutating func hosts(
    of service: Istio.VirtualService, isOfGateways: Bool, _ path: FieldPath
  ) {
    let isSNI = service.tls.contains { $0.match.contains { !$0.sniHosts.isEmpty } }
    for (index, host) in service.hosts.enumerated() {
      if IPAddress(host) != nil { continue }
      gatewayHost(host, isSNI: isOfGateways && isSNI, path[index])
      require(isOfGateways || host != "*", path[index], "the mesh cannot be given the host *")
    }
    for (index, host) in service.hosts.enumerated() {
      let other = service.hosts[..<index].first { Names.overlap($0, host) }
      if let other { error(path[index], "means names that \(other) means too") }
    }
  }

  /// A name or a pattern; where TLS names it, also one that gateways of other networks are asked
  /// for: `outbound_.PORT_._.HOST`.
  mutating func gatewayHost(_ name: String, isSNI: Bool, _ path: FieldPath) {
    guard isSNI, name.hasPrefix("outbound_") else { return wildcardDomain(name, path) }
    let parts = name.split(separator: "_", omittingEmptySubsequences: false)
    let isName =
      name.utf8.count <= 255 && parts.count >= 4
      && parts[1].utf8.contains { (48...57).contains($0) }
      && parts[3].utf8.contains { (65...90).contains($0 & 0xDF) }
    require(isName, path, "\"\(name)\" is not of the form outbound_.PORT_._.HOST")
  }

  /// Names of gateways.
  ///
  /// As in istiod, those after one without a namespace are not looked at, which does no harm: a
  /// gateway that is not there has no routes.
  mutating func gatewayNames(_ names: [String], _ path: FieldPath) {
    for (index, name) in names.enumerated() {
      let parts = name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
      let message = "\"\(name)\" is not a gateway or namespace/gateway"
      guard parts.count == 2 else {
        warn(name.contains("."), path[index], "is an old form of namespace/gateway")
        return require(Names.isDomain(name), path[index], message)
      }
      require(parts.allSatisfy { Names.isDNSLabel($0) }, path[index], message)
    }
  }

  private mutating func check(
    _ route: Istio.TLSRoute, of service: Istio.VirtualService, isOfGateways: Bool, _ path: FieldPath
  ) {
    require(!route.match.isEmpty, path["match"], "must have a match")
    for (index, match) in route.match.enumerated() {
      let here = path["match"][index]
      require(!match.sniHosts.isEmpty, here["sniHosts"], "must name a host")
      for (index, host) in match.sniHosts.enumerated() {
        sniHost(host, of: service, isOfGateways: isOfGateways, here["sniHosts"][index])
      }
      connection(
        match.destinationSubnets, match.port, match.sourceLabels, match.gateways, here)
    }
    destinations(route.route, path["route"])
  }

  private mutating func check(_ route: Istio.TCPRoute, _ path: FieldPath) {
    for (index, match) in route.match.enumerated() {
      connection(
        match.destinationSubnets, match.port, match.sourceLabels, match.gateways,
        path["match"][index])
    }
    destinations(route.route, path["route"])
  }

  private mutating func connection(
    _ subnets: [String], _ number: UInt32, _ sourceLabels: [String: String], _ gateways: [String],
    _ path: FieldPath
  ) {
    for (index, text) in subnets.enumerated() { subnet(text, path["destinationSubnets"][index]) }
    if number != 0 { port(number, path["port"]) }
    labels(sourceLabels, path["sourceLabels"])
    gatewayNames(gateways, path["gateways"])
  }

  private mutating func sniHost(
    _ host: String, of service: Istio.VirtualService, isOfGateways: Bool, _ path: FieldPath
  ) {
    let isAddress = IPAddress(host) != nil
    warn(isAddress, path, "clients do not ask for addresses by name")
    if isAddress { return }
    gatewayHost(host, isSNI: isOfGateways, path)
    require(
      service.hosts.contains { Names.isWithin(host, $0) }, path,
      "\"\(host)\" is not within a host of the VirtualService")
  }

  private mutating func destinations(_ list: [Istio.RouteDestination], _ path: FieldPath) {
    require(!list.isEmpty, path, "must have a destination")
    weights(list.map(\.weight), path)
    for (index, entry) in list.enumerated() {
      required(entry.destination, path[index]["destination"])
    }
  }

  /// Checks a destination that must be there.
  mutating func required(_ destination: Istio.Destination?, _ path: FieldPath) {
    guard let destination else { return error(path, "must be given") }
    check(destination, path)
  }

  /// Checks a destination.
  mutating func check(_ destination: Istio.Destination, _ path: FieldPath) {
    require(destination.host != "*", path["host"], "must not be *")
    if destination.host != "*" { wildcardDomain(destination.host, path["host"]) }
    if !destination.subset.isEmpty {
      require(Names.isDNSLabel(destination.subset), path["subset"], "is not a name of a subset")
    }
    if let selector = destination.port { port(selector.number, path["port"]["number"]) }
  }

  /// Checks how requests are shared.
  mutating func weights(_ weights: [Int32], _ path: FieldPath) {
    for (index, weight) in weights.enumerated() {
      require(weight >= 0, path[index]["weight"], "must not be negative")
    }
    let total = weights.reduce(Int64(0)) { $0 + Int64($1) }
    require(weights.count < 2 || total > 0, path, "the weights add up to 0")
  }
}

extension Names {
  /// Whether every name that `host` means is one that `other` means.
  static func isWithin(_ host: String, _ other: String) -> Bool {
    guard other.first == "*" else { return host == other }
    if host.first == "*" {
      return host.utf8.count >= other.utf8.count && host.dropFirst().hasSuffix(other.dropFirst())
    }
    return host.hasSuffix(other.dropFirst())
  }

  /// Whether two hosts, perhaps patterns, mean one name.
  static func overlap(_ left: String, _ right: String) -> Bool {
    switch (left.first == "*", right.first == "*") {
    case (true, true):
      left.dropFirst().hasSuffix(right.dropFirst()) || right.dropFirst().hasSuffix(left.dropFirst())
    case (true, false): right.hasSuffix(left.dropFirst())
    case (false, true): left.hasSuffix(right.dropFirst())
    case (false, false): left == right
    }
  }
}
