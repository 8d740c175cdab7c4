// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import ServiceDiscovery

extension ProxyContext {
  /// What the proxy's own settings, else the mesh's, say of headers.
  var proxyHeaders: Istio.Mesh.ProxyConfig.ProxyHeaders? { proxyConfig.proxyHeaders }

  /// What of requests to a service's port its DestinationRule hashes.
  func hash(
    of service: MeshService, port: UInt32
  ) -> Istio.LoadBalancerSettings.ConsistentHashLB? {
    let found = outbound.destinationRule(for: service.hostname, workload: node.labels)
    guard let policy = found?.rule.trafficPolicy else { return nil }
    return policy.portLevelSettings.hash(port: port) ?? policy.loadBalancer?.consistentHash
  }

  /// What of requests to a destination is hashed: the subset's word counts before the host's, and a
  /// port's before that of all ports.
  func hash(of destination: Istio.Destination?) -> Istio.LoadBalancerSettings.ConsistentHashLB? {
    guard let destination,
      let rule = outbound.destinationRule(
        for: Hostname(valid: destination.host), workload: node.labels)?.rule
    else { return nil }
    let port = destination.port?.number
    let subset = rule.subsets.first { $0.name == destination.subset }?.trafficPolicy
    return subset?.portLevelSettings.hash(port: port) ?? subset?.loadBalancer?.consistentHash
      ?? rule.trafficPolicy?.portLevelSettings.hash(port: port)
      ?? rule.trafficPolicy?.loadBalancer?.consistentHash
  }

  /// The session that a service's labels ask for, where the feature is on.
  func session(of service: MeshService) -> SessionPlan? {
    guard settings.feature("PILOT_ENABLE_PERSISTENT_SESSION_FILTER", default: false) else {
      return nil
    }
    let cookie = service[label: settings.cookieLabel] ?? ""
    if !cookie.isEmpty {
      let colon = cookie.firstIndex(of: ":")
      return .cookie(
        name: String(cookie[..<(colon ?? cookie.endIndex)]),
        path: colon.map { String(cookie[cookie.index(after: $0)...]) } ?? "/")
    }
    let header = service[label: settings.headerLabel] ?? ""
    return header.isEmpty ? nil : .header(header)
  }

  /// The addresses by which the proxy's workload asks for a service.
  ///
  /// - Parameter onlyOne: Whether of addresses that the mesh gave out only the first counts.
  func routedAddresses(of service: MeshService, onlyOne: Bool) -> [String] {
    let own = service.addresses[node.cluster] ?? []
    // A ServiceEntry's first address counts whatever its family: Envoy only compares texts.
    if service.registry == .external, let first = own.first { return [first] }
    let families = addressFamilies
    if families.isDual, families.isDualStackEnabled {
      if !own.isEmpty { return own }
    } else {
      let usable = preferredFamily(own, families)
      if !usable.isEmpty { return usable }
    }
    guard usesAllocatedAddresses else { return [] }
    let allocated = preferredFamily(service.autoAllocated, families)
    return onlyOne ? Array(allocated.prefix(1)) : allocated
  }

  /// The addresses of IPv4, else those of IPv6, where the proxy has addresses of that family.
  private func preferredFamily(_ addresses: [String], _ families: AddressFamilies) -> [String] {
    let usable = families.filter(addresses)
    let ipv4 = usable.filter { $0.isIPv4Address == true }
    return ipv4.isEmpty ? usable : ipv4
  }

  /// Whether the workload's names are resolved to the addresses that the mesh gives out.
  private var usesAllocatedAddresses: Bool {
    guard isSet("DNS_CAPTURE") else { return false }
    return isSet("DNS_AUTO_ALLOCATE")
      || settings.feature("PILOT_ENABLE_IP_AUTOALLOCATE", default: true)
  }

  private func isSet(_ key: String) -> Bool {
    switch node.metadata[key] {
    case .bool(let value)?: value
    case .string(let text)?: text == "true" || text == "1"
    default: false
    }
  }
}

extension [Istio.TrafficPolicy.PortTrafficPolicy] {
  fileprivate func hash(port: UInt32?) -> Istio.LoadBalancerSettings.ConsistentHashLB? {
    guard let port else { return nil }
    return first { $0.port?.number == port }?.loadBalancer?.consistentHash
  }
}

extension Istio.LoadBalancerSettings {
  fileprivate var consistentHash: Istio.LoadBalancerSettings.ConsistentHashLB? {
    if case .consistentHash(let hash)? = lbPolicy { hash } else { nil }
  }
}
