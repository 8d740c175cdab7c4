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
    for (index, route) in service.tls.enumerated() { check(route, path["tls"][index]) }
    for (index, route) in service.tcp.enumerated() {
      destinations(route.route, path["tcp"][index]["route"])
    }
    exportTo(
      service.exportTo, namespace: object.meta.namespace, allowsNone: false, path["exportTo"])
  }

  private mutating func hosts(
    of service: Istio.VirtualService, isOfGateways: Bool, _ path: FieldPath
  ) {
    let isSNI = service.tls.contains { $0.match.contains { !$0.sniHosts.isEmpty } }
    for (index, host) in service.hosts.enumerated() {
      if IPAddress(host) != nil { continue }
      // The names that gateways of other networks are asked for.
      if isOfGateways, isSNI, host.hasPrefix("outbound_") { continue }
      wildcardDomain(host, path[index])
      require(isOfGateways || host != "*", path[index], "the mesh cannot be given the host *")
    }
    for (index, host) in service.hosts.enumerated() {
      let other = service.hosts[..<index].first { Names.overlap($0, host) }
      if let other { error(path[index], "means names that \(other) means too") }
    }
  }

  private mutating func gatewayNames(_ names: [String], _ path: FieldPath) {
    for (index, name) in names.enumerated() where name != "mesh" {
      let parts = name.split(separator: "/", omittingEmptySubsequences: false)
      let isName =
        parts.count == 1
        ? Names.isDomain(name)
        : parts.count == 2 && (parts[0] == "." || Names.isDNSLabel(parts[0]))
          && Names.isDNSLabel(parts[1])
      require(isName, path[index], "\"\(name)\" is not a gateway or namespace/gateway")
    }
  }

  private mutating func check(_ route: Istio.TLSRoute, _ path: FieldPath) {
    require(!route.match.isEmpty, path["match"], "must have a match")
    for (index, match) in route.match.enumerated() {
      let here = path["match"][index]
      require(!match.sniHosts.isEmpty, here["sniHosts"], "must name a host")
      for (index, host) in match.sniHosts.enumerated()
      where !host.hasPrefix("outbound_") && IPAddress(host) == nil {
        wildcardDomain(host, here["sniHosts"][index])
      }
      if match.port != 0 { port(match.port, here["port"]) }
    }
    destinations(route.route, path["route"])
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
