// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel
import ServiceDiscovery

extension ProxyContext {
  /// The clusters that lead into the proxy's own workload.
  func inboundClusters(_ facets: ClusterFacets) -> [EncodedResource] {
    let ingress = sidecar?.ingress ?? []
    if ingress.isEmpty {
      return node.interception == .none ? [] : serviceClusters(facets, besides: [])
    }
    let declared = ingress.compactMap { sidecarCluster($0, facets) }
    guard settings.mergesInboundPorts else {
      return declared
    }
    return serviceClusters(facets, besides: Set(ingress.compactMap { $0.port?.number })) + declared
  }

  /// One cluster for each port of the workload that a service leads to.
  private func serviceClusters(
    _ facets: ClusterFacets, besides taken: Set<UInt32>
  ) -> [EncodedResource] {
    let byPort = Dictionary(grouping: targets, by: \.targetPort)
    return byPort.keys.filter { !taken.contains($0) }.sorted().compactMap { number in
      guard let here = byPort[number], let first = here.first else { return nil }
      var services: [MeshService] = []
      for target in here where target.port.number == first.port.number {
        if !services.contains(where: { $0.hostname == target.service.hostname }) {
          services.append(target.service)
        }
      }
      let isPassthrough = (settings.mesh.inboundTrafficPolicy?.mode ?? .passthrough) == .passthrough
      let local = hasIPv4 ? "127.0.0.1" : "::1"
      return inboundCluster(
        facets, clusterPort: number, port: first.port, service: first.service,
        services: first.service.isMeshExternal ? [] : services,
        target: isPassthrough ? nil : .socket(local, number))
    }
  }

  /// The cluster of an ingress listener of the Sidecar; nil where its endpoint cannot be read.
  private func sidecarCluster(
    _ listener: Istio.IstioIngressListener, _ facets: ClusterFacets
  ) -> EncodedResource? {
    guard let declared = listener.port else { return nil }
    let target: InboundTarget?
    switch inboundTarget(listener.defaultEndpoint) {
    case .unreadable: return nil
    case .original: target = nil
    case .target(let found): target = found
    }
    let port = ServicePort(
      name: declared.name, number: declared.number,
      protocol: PortProtocol(name: declared.protocol))
    let service = targets.first { $0.targetPort == declared.number }?.service
    return inboundCluster(
      facets, clusterPort: declared.number, port: port, service: service,
      services: service.map { $0.isMeshExternal ? [] : [$0] } ?? [], target: target)
  }

  private func inboundCluster(
    _ facets: ClusterFacets, clusterPort: UInt32, port: ServicePort, service: MeshService?,
    services: [MeshService], target: InboundTarget?
  ) -> EncodedResource {
    let rule = service.flatMap { outbound.generalDestinationRule(for: $0.hostname) }
    let defaults = settings.mesh.defaultTrafficPolicy
    let hasPolicy = rule?.rule.trafficPolicy != nil
    let policy =
      rule?.rule.policy(port: port.number, subset: "", mesh: defaults) ?? defaults?.policy
    var inputs = InboundClusterInputs(
      facets: facets, settings: mesh.sharedSettings, clusterPort: clusterPort, port: port,
      service: service, services: services, target: target,
      pool: sidecarPool(clusterPort) ?? policy?.connectionPool ?? .init(), sources: inboundSources)
    if service == nil, let object = outbound.sidecar {
      inputs.fallbackHost = "\(object.meta.name).\(node.namespace)"
    }
    inputs.retryBudget = policy?.retryBudget
    inputs.source = hasPolicy ? rule?.sources.first : nil
    return cache.resource(inputs)
  }

  /// The Sidecar's connection pool for a port, else for all.
  private func sidecarPool(_ port: UInt32) -> Istio.ConnectionPoolSettings? {
    let own = sidecar?.ingress.first { $0.port?.number == port }?.connectionPool
    return own ?? sidecar?.inboundConnectionPool
  }

  private var inboundSources: [String] {
    if hasIPv4 && hasIPv6 {
      let isDualStack = settings.feature("ISTIO_DUAL_STACK", default: false)
      return [ProxyContext.loopbackV4] + (isDualStack ? [ProxyContext.loopbackV6] : [])
    }
    return [hasIPv4 ? ProxyContext.loopbackV4 : ProxyContext.loopbackV6]
  }

  private enum DefaultEndpoint {
    case original
    case target(InboundTarget)
    case unreadable
  }

  /// Reads `defaultEndpoint`: `unix://PATH`, or `IP:PORT` where the unspecified address means the
  /// Pod's own and loopback any loopback that the Pod has.
  private func inboundTarget(_ text: String) -> DefaultEndpoint {
    if text.isEmpty { return .original }
    if text.hasPrefix("unix://") { return .target(.path(String(text.dropFirst(7)))) }
    guard let colon = text.lastIndex(of: ":"), let port = UInt32(text[text.index(after: colon)...])
    else { return .unreadable }
    let host = text[..<colon].drop { $0 == "[" }.prefix { $0 != "]" }
    let v4 = node.addresses.first { IPAddress($0)?.isIPv4 == true }
    let v6 = node.addresses.first { IPAddress($0)?.isIPv4 == false }
    switch host {
    case "0.0.0.0": return .target(.socket(v4 ?? "127.0.0.1", port))
    case "::": return .target(.socket(v6 ?? "::1", port))
    case "127.0.0.1": return .target(.socket(hasIPv4 ? "127.0.0.1" : "::1", port))
    case "::1": return .target(.socket(hasIPv6 ? "::1" : "127.0.0.1", port))
    default: return .original
    }
  }
}
