// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import ServiceDiscovery

extension ProxyContext {
  /// What the proxy's own settings, else the mesh's, say of headers.
  var proxyHeaders: Istio.Mesh.ProxyConfig.ProxyHeaders? {
    guard let json = node.metadata["PROXY_CONFIG"] else {
      return settings.mesh.defaultConfig?.proxyHeaders
    }
    var decoder = ProtoDecoder(at: FieldPath(), unknownFields: .areIgnored)
    let decoded = try? Istio.Mesh.ProxyConfig.decode(json, &decoder)
    return (decoded ?? settings.mesh.defaultConfig)?.proxyHeaders
  }

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
    let label = { (feature: String, standard: String) in
      service.labels[settings.features[feature] ?? standard] ?? ""
    }
    let cookie = label("PILOT_PERSISTENT_SESSION_LABEL", "istio.io/persistent-session")
    if !cookie.isEmpty {
      let colon = cookie.firstIndex(of: ":")
      return .cookie(
        name: String(cookie[..<(colon ?? cookie.endIndex)]),
        path: colon.map { String(cookie[cookie.index(after: $0)...]) } ?? "/")
    }
    let header = label(
      "PILOT_PERSISTENT_SESSION_HEADER_LABEL", "istio.io/persistent-session-header")
    return header.isEmpty ? nil : .header(header)
  }

  /// The addresses by which the proxy's workload asks for a service.
  ///
  /// - Parameter onlyOne: Whether of addresses that the mesh gave out only the first counts.
  func addresses(of service: MeshService, onlyOne: Bool) -> [String] {
    let own = service.addresses[node.cluster] ?? []
    var usable = isDualStack ? own : own.filter(isReachable)
    if usable.isEmpty, usesAllocatedAddresses {
      usable = service.autoAllocated.filter(isReachable)
      if onlyOne { usable = Array(usable.prefix(1)) }
    }
    if !usable.isEmpty { return usable }
    // A ServiceEntry's addresses count whatever their family: Envoy only compares texts.
    return service.registry == .external ? Array(own.prefix(1)) : []
  }

  private var isDualStack: Bool {
    node.supportsIPv4 && node.supportsIPv6
      && settings.feature("ISTIO_DUAL_STACK", default: true)
  }

  private var usesAllocatedAddresses: Bool {
    node.text("DNS_CAPTURE") == "true" && node.text("DNS_AUTO_ALLOCATE") == "true"
      || settings.feature("PILOT_ENABLE_IP_AUTOALLOCATE", default: true)
  }

  private func isReachable(_ text: String) -> Bool {
    let address = text.firstIndex(of: "/").map { text[..<$0] } ?? text[...]
    guard let address = IPAddress(address) else { return false }
    return address.isIPv4 ? node.supportsIPv4 : node.supportsIPv6
  }
}

extension ProxyNode {
  fileprivate var supportsIPv4: Bool { addresses.contains { IPAddress($0)?.isIPv4 == true } }
  fileprivate var supportsIPv6: Bool { addresses.contains { IPAddress($0)?.isIPv4 == false } }
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
