// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import JSON
import MeshModel
import ServiceDiscovery

/// All that a cluster of a service's port, or of a subset of it, depends on.
struct OutboundClusterInputs: ResourceInputs {
  static let type = ResourceType.cluster

  /// What of the proxy matters.
  var facets: ClusterFacets
  /// What the mesh is set to.
  var settings: Shared<MeshSettings>
  /// The service.
  var service: MeshService
  /// The port.
  var port: ServicePort
  /// The subset's name; empty for the whole service.
  var subset = ""
  /// The DestinationRule.
  var rule: MergedDestinationRule?
  /// Whether the cluster is for a gateway that sends TLS on by its SNI, unopened.
  var isServerName = false
  /// What the service's workloads take; nil where it is not known.
  var mode: MutualTLSMode?
  /// The identities of the service's workloads, sorted.
  var identities: [String] = []
  /// The endpoints, where they stand in the cluster itself: DNS names.
  var groups: [LocalityGroup] = []

  var name: String { isServerName ? clusterName.serverName : clusterName.description }

  private var clusterName: ClusterName {
    ClusterName(.outbound, port: port.number, subset: subset, host: service.hostname.text)
  }

  private var policy: Istio.TrafficPolicy? {
    let mesh = settings.value.mesh.defaultTrafficPolicy
    guard let rule else { return mesh?.policy }
    return rule.rule.policy(port: port.number, subset: subset, mesh: mesh)
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(facets)
    hasher.combine(service.key)
    hasher.combine(port)
    hasher.combine(subset)
    hasher.combine(isServerName)
    hasher.combine(identities)
  }

  func make(in arena: Arena) -> Envoy.Cluster {
    var draft = ClusterDraft(name, facets: facets, settings: settings.value, in: arena)
    if service.isForwardProxy {
      forward(&draft)
    } else {
      draft.cluster.commonLbConfig = draft.cluster.make(Envoy.Cluster.CommonLbConfig.self)
      discover(&draft)
      if service.hasPersistentSessions(draft.settings) && subset.isEmpty && !isServerName {
        draft.cluster.keepDraining()
      }
    }
    draft.speak(port.protocol)
    setStatisticsName(draft)
    apply(policy, to: &draft)
    if draft.cluster.type == .eds { useEDS(draft) }
    draft.exchangeMetadata()
    describe(&draft)
    return draft.finished()
  }

  private func discover(_ draft: inout ClusterDraft) {
    let cluster = draft.cluster
    if isSubsetOfPassthrough {
      draft.discover(.originalDst)
    } else {
      draft.discover(service.discoveryType(for: facets, settings.value))
    }
    // Envoy refuses a logical cluster with several endpoints, which a selector may find.
    let isSingle = groups.reduce(0) { $0 + $1.endpoints.count } == 1
    if cluster.type == .strictDns, service.racesConnections, isSingle {
      draft.discover(.logicalDns)
    } else if cluster.type == .logicalDns, !isSingle {
      draft.discover(.strictDns)
    }
    switch cluster.type {
    case .strictDns, .logicalDns:
      useDNS(draft)
      cluster.loadAssignment = EndpointMessages.assignment(name, groups, in: draft.arena)
    case .originalDst:
      guard let port = service.passthroughTargetPorts[port.number] else { return }
      cluster.originalDstLbConfig = cluster.make(Envoy.Cluster.OriginalDstLbConfig.self) {
        $0.upstreamPortOverride = port
      }
    default: return
    }
  }

  /// Whether a subset goes where its clients meant to: by itself, or since the whole service does.
  private var isSubsetOfPassthrough: Bool {
    guard !subset.isEmpty, let rule else { return false }
    let own = rule.rule.subset(subset)?.trafficPolicy
    let general = rule.rule.policy(port: port.number, subset: "")
    return own.isPassthrough || general.isPassthrough
  }

  private func useDNS(_ draft: ClusterDraft) {
    let cluster = draft.cluster
    cluster.dnsLookupFamily = service.racesConnections ? .all : facets.lookupFamily.envoy
    cluster.typedDnsResolverConfig = cluster.make(Envoy.TypedExtensionConfig.self) { resolver in
      resolver.name = "envoy.network.dns_resolver.cares"
      resolver.typedConfig = .pack(
        resolver.make(Envoy.CaresDnsResolverConfig.self) {
          $0.udpMaxQueries = draft.settings.dnsQueryLimit
        })
    }
    // Deprecated, so that only Istio's own Envoys get them.
    guard facets.isIstioBuild else { return }
    cluster.dnsJitter = draft.settings.dnsJitter
    cluster.dnsRefreshRate = draft.mesh.dnsRefreshRate
    cluster.respectDnsTtl = true
  }

  /// The proxy asks DNS for the name that each client asks for.
  private func forward(_ draft: inout ClusterDraft) {
    draft.isForwardProxy = true
    draft.cluster.lbPolicy = .clusterProvided
    let cluster = draft.cluster
    cluster.clusterType = cluster.make(Envoy.Cluster.CustomClusterType.self) { type in
      type.name = "envoy.clusters.dynamic_forward_proxy"
      type.typedConfig = .pack(
        type.make(Envoy.DynamicForwardProxyCluster.self) { proxy in
          proxy.dnsCacheConfig = proxy.make(Envoy.DnsCacheConfig.self) {
            $0.name = service.hostname.text + "_dfp_dns_cache"
            $0.dnsLookupFamily = facets.lookupFamily.ofForwardProxy.envoy
          }
          proxy.allowInsecureClusterOptions = policy?.tls?.leavesNamesUnchecked ?? false
        })
    }
  }

  private func setStatisticsName(_ draft: ClusterDraft) {
    let pattern = draft.mesh.outboundClusterStatName
    guard !pattern.isEmpty, !draft.isForwardProxy else { return }
    var name = StatName(
      service, host: service.hostname.text, subset: subset, port: port.number, portName: port.name)
    name.targetPort = 0
    draft.cluster.altStatName = name.text(pattern) + ";"
  }

  private func apply(_ policy: Istio.TrafficPolicy?, to draft: inout ClusterDraft) {
    let pool = policy?.connectionPool ?? Istio.ConnectionPoolSettings()
    draft.upgrade(port, pool)
    draft.limit(pool, policy?.retryBudget)
    draft.eject(policy?.outlierDetection, ignoresShare: service.sendsUnhealthy(draft.settings))
    draft.balance(policy?.loadBalancer, service: service, port: port)
    if !isServerName {
      let context = TLSContext(
        identities: draft.isForwardProxy ? [] : identities,
        serverName: draft.isForwardProxy ? "" : clusterName.serverName,
        isMeshExternal: service.isMeshExternal, isExternal: service.registry == .external,
        mode: mode, isRuleSelective: rule?.rule.workloadSelector != nil)
      draft.secure(draft.upstreamTLS(policy?.tls, context), context)
      draft.announceClient(policy?.proxyProtocol)
    }
    if draft.cluster.type == .originalDst { draft.cluster.lbPolicy = .clusterProvided }
  }

  private func useEDS(_ draft: ClusterDraft) {
    let cluster = draft.cluster
    cluster.edsClusterConfig = cluster.make(Envoy.Cluster.EdsClusterConfig.self) { eds in
      eds.serviceName = name
      eds.edsConfig = eds.make(Envoy.ConfigSource.self) {
        $0.ads = $0.make(Envoy.AggregatedConfigSource.self)
        $0.initialFetchTimeout = .zero
        $0.resourceApiVersion = .v3
      }
    }
  }

  private func describe(_ draft: inout ClusterDraft) {
    if !draft.isForwardProxy, draft.settings.labelsTelemetry { draft.list(services: [service]) }
    if service.isMeshExternal && subset.isEmpty { draft.metadata.set("external", true) }
    guard let rule else { return }
    draft.metadata.set(config: rule.sources[0])
    if !subset.isEmpty { draft.metadata.set("subset", .string(subset)) }
    if let mode = policy?.tls?.mode, mode == .simple || mode == .mutual {
      draft.metadata.set("alpn_override", "false")
    }
  }
}

extension Istio.ClientTLSSettings {
  /// Whether Envoy must be told that it is meant that the name asked for is not checked.
  fileprivate var leavesNamesUnchecked: Bool {
    mode != .disable && (insecureSkipVerify == true || !sni.isEmpty)
  }
}

extension MeshService {
  /// Whether the proxy asks DNS for whatever name of a pattern a client asks for.
  var isForwardProxy: Bool { hostname.isWildcard && resolution == .dynamicDNS }

  /// How a proxy finds the service's endpoints.
  fileprivate func discoveryType(
    for facets: ClusterFacets, _ settings: MeshSettings
  ) -> Envoy.Cluster.DiscoveryType {
    switch resolution {
    case .clientSideLB, .alias, .dynamicDNS: return .eds
    case .dnsLB: return .strictDns
    case .dnsRoundRobinLB: return .logicalDns
    case .passthrough:
      // A gateway's clients did not mean the address that they connected to.
      if facets.kind == .router { return .eds }
      let usesEDS = settings.feature("PILOT_ENABLE_EDS_FOR_HEADLESS_SERVICES", default: false)
      return registry == .kubernetes && usesEDS ? .eds : .originalDst
    }
  }
}
