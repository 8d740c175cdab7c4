// SPDX-License-Identifier: Apache-2.0

import Configuration
public import EnvoyAPI
import JSON
import MeshModel
import ServiceDiscovery

extension ProxyContext {
  /// The clusters of the proxy, sorted by name.
  public func clusters() -> [EncodedResource] { clusterList().elements }

  /// The same, as one list for all proxies for which it is equal.
  public func clusterList() -> ResourceList {
    if node.isProxyless { return ResourceList(proxylessClusters()) }
    let facets = ClusterFacets(self)
    var own = [staticCluster(.blackHole, facets)]
    if node.kind == .sidecar {
      own.append(staticCluster(.passthrough, facets))
      own += inboundClusters(facets)
      own.append(staticCluster(.inboundPassthrough(sources: passthroughSources), facets))
    }
    if facets.hasCredentialSocket { own.append(staticCluster(.credentialSocket, facets)) }
    return outboundClusters(facets, besides: own.sortedByName())
  }

  private func staticCluster(
    _ kind: StaticClusterInputs.Kind, _ facets: ClusterFacets
  ) -> EncodedResource {
    cache.resource(
      StaticClusterInputs(kind: kind, facets: facets, settings: mesh.sharedSettings))
  }

  /// The addresses that the workload's own proxy connects from; both where the proxy has both.
  private var passthroughSources: [String] {
    guard hasIPv4 else { return [ProxyContext.loopbackV6] }
    return [ProxyContext.loopbackV4] + (hasIPv6 ? [ProxyContext.loopbackV6] : [])
  }

  /// iptables does not capture what comes from here.
  static let loopbackV4 = "127.0.0.6"
  /// The same for IPv6.
  static let loopbackV6 = "::6"

  /// The clusters of services and the proxy's own, sorted by name.
  ///
  /// Those that are resolved by DNS hold endpoints, which may depend on where the proxy is; all
  /// others are remembered as a list.
  private func outboundClusters(
    _ facets: ClusterFacets, besides own: [EncodedResource]
  ) -> ResourceList {
    let isRouter = node.kind == .router
    let kinds = ServiceClusterKinds(
      forwardsUnopened: isRouter && gateways.hasAutoPassthrough,
      attached: isRouter ? attachedServices : nil)
    let registry = mesh.registry
    let key = ClusterListKey(
      facets: facets, kinds: kinds,
      labels: outbound.hasSelectiveRules ? ofClass.context.node.labels : [:],
      settings: mesh.sharedSettings, services: outbound.servicesTag,
      rules: outbound.destinationRulesTag, policies: mesh.config.peerAuthentications.tag,
      identities: registry.identitiesTag,
      endpoints: outbound.hasPassthroughRules ? registry.endpointsTag : registry.directTag)
    let shared = cache.gathered.clusters.value(key) {
      ResourceList(clusters(facets, kinds) { !$0.isDNS })
    }
    let resolved = clusters(facets, kinds, \.isDNS)
    return cache.merged(shared, with: resolved.isEmpty ? own : resolved.merged(with: own))
  }

  private func clusters(
    _ facets: ClusterFacets, _ kinds: ServiceClusterKinds, _ isWanted: (MeshService) -> Bool
  ) -> [EncodedResource] {
    let shared = cache.gathered.facets.value(facets) { Shared(facets) }
    return outbound.services.filter(isWanted).flatMap { service -> [EncodedResource] in
      guard service.resolution != .alias else { return [] }
      let isAttached = kinds.attached?.contains(service) ?? true
      let unopened = kinds.forwardsUnopened && !service.isMeshExternal && !service.isForwardProxy
      guard isAttached || unopened else { return [] }
      let rule = outbound.destinationRule(for: service.hostname, workload: node.labels)
      let forms = ClusterForms(isPlain: isAttached, isServerName: unopened)
      // Where endpoints are part of the clusters, these depend on the proxy's place too.
      if service.isDNS { return clusters(of: service, rule, facets, forms) }
      let registry = mesh.registry
      let usesEndpoints = service.resolution == .passthrough || outbound.hasPassthroughRules
      let key = ServiceClustersKey(
        service: service.identity, rule: rule, facets: shared, forms: forms,
        settings: mesh.sharedSettings, policies: mesh.config.peerAuthentications.tag,
        identities: registry.identities(of: service.key),
        endpoints: usesEndpoints ? registry.endpointsTag : nil)
      return cache.gathered.serviceClusters.value(key) {
        clusters(of: service, rule, facets, forms)
      }
    }.sortedByName()
  }

  private func clusters(
    of service: MeshService, _ rule: MergedDestinationRule?, _ facets: ClusterFacets,
    _ forms: ClusterForms
  ) -> [EncodedResource] {
    service.ports.filter(service.hasCluster).flatMap { port in
      let base = OutboundClusterInputs(
        facets: facets, settings: mesh.sharedSettings, service: service, port: port, rule: rule)
      if service.isForwardProxy { return completed(base).map { [cache.resource($0)] } ?? [] }
      return (forms.isPlain ? subsets(of: base) : [])
        + (forms.isServerName ? subsets(of: base, isServerName: true) : [])
    }
  }

  /// The cluster of the whole service, then one a subset.
  private func subsets(
    of base: OutboundClusterInputs, isServerName: Bool = false
  ) -> [EncodedResource] {
    var base = base
    base.isServerName = isServerName
    if !isServerName { base.identities = mesh.identities(of: base.service) }
    guard let whole = completed(base) else { return [] }
    let subsets = (base.rule?.rule.subsets ?? []).compactMap { subset in
      var inputs = base
      inputs.subset = subset.name
      return completed(inputs)
    }
    return ([whole] + subsets).map(cache.resource)
  }

  /// The inputs with what depends on endpoints; nil where a cluster of DNS has none.
  private func completed(_ inputs: OutboundClusterInputs) -> OutboundClusterInputs? {
    var inputs = inputs
    let service = inputs.service
    if !inputs.isServerName { inputs.mode = mutualTLSMode(inputs) }
    guard service.isDNS else { return inputs }
    let target = EndpointTarget(
      service: service, port: inputs.port, subset: inputs.subset, rule: inputs.rule,
      isServerName: inputs.isServerName)
    let groups = endpointSelection(target).groups()
    var view = localityView(target)
    // istiod prefers by labels only for the whole service.
    if !inputs.subset.isEmpty { view?.hasLabels = false }
    inputs.groups = view?.applied(to: groups) ?? groups
    return inputs.groups.isEmpty ? nil : inputs
  }

  /// What is known of how all workloads of a service are to be connected to.
  private func mutualTLSMode(_ inputs: OutboundClusterInputs) -> MutualTLSMode? {
    let service = inputs.service
    if service.isMeshExternal { return nil }
    // What is written for all ports counts here, not what one port is given.
    let rule = inputs.rule?.rule
    let policy =
      inputs.subset.isEmpty ? rule?.trafficPolicy : rule?.subset(inputs.subset)?.trafficPolicy
    if service.resolution == .passthrough || policy.isPassthrough {
      let endpoints = mesh.registry.endpoints(of: service.key, port: inputs.port)
      if endpoints.isEmpty || endpoints.contains(where: { $0.workload.facts.tlsMode == "disabled" })
      {
        return .disable
      }
    }
    let peers = PeerAuthentications(
      mesh.config.peerAuthentications, root: settings.rootNamespace, namespaces: [service.namespace]
    )
    return peers.mode(namespace: service.namespace) ?? .permissive
  }
}

extension MeshService {
  /// Whether traffic to a port goes through a cluster of its own.
  fileprivate func hasCluster(_ port: ServicePort) -> Bool {
    guard isForwardProxy else { return port.protocol != .udp }
    // Only these tell the name that is asked for.
    return [.http, .http2, .grpc, .tls].contains(port.protocol)
  }
}

extension MeshSnapshot {
  /// The identities of a service's workloads, in all trust domains, sorted.
  func identities(of service: MeshService) -> [String] {
    let known = registry.identities(of: service.key)
    guard !settings.mesh.trustDomainAliases.isEmpty else { return known }
    var found = Set(known)
    let prefix = "spiffe://"
    for identity in known where identity.hasPrefix(prefix) {
      guard let path = identity.dropFirst(prefix.count).firstIndex(of: "/") else { continue }
      for domain in settings.mesh.trustDomainAliases {
        found.insert(prefix + domain + identity[path...])
      }
    }
    return found.sorted()
  }
}
