// SPDX-License-Identifier: Apache-2.0

import Configuration
public import EnvoyAPI
import JSON
import MeshModel
public import ServiceDiscovery

extension ProxyContext {
  /// The load assignment of an EDS cluster; empty where no service or port of the name is seen, and
  /// nil where it is no name of an outbound cluster.
  public func endpoints(_ clusterName: String) -> EncodedResource? {
    loadAssignments[clusterName]
  }

  /// The load assignments of the proxy, to be asked for many of them.
  public var loadAssignments: LoadAssignments {
    let sources = endpointSources
    return LoadAssignments(
      context: ProxyContext(self, as: sources),
      table: cache.gathered.assignmentTables.value(
        EndpointClass(node: sources.node, settings: mesh.sharedSettings)
      ) { AssignmentTable() })
  }

  /// All that load assignments are made of: where it is equal, they are.
  public var endpointSources: EndpointSources {
    EndpointSources(
      node: nodeForEndpoints, settings: mesh.sharedSettings, visible: outbound.servicesTag,
      rules: outbound.destinationRulesTag, policies: mesh.config.peerAuthentications.tag,
      services: mesh.registry.servicesTag, endpoints: mesh.registry.endpointsTag,
      gateways: mesh.networkGateways)
  }

  /// What led to the snapshot's endpoints, where that is known.
  public var endpointsStep: EndpointsStep? { mesh.registry.endpointsStep }

  /// What of the proxy load assignments depend on.
  private var nodeForEndpoints: ProxyNode {
    var shared = ProxyNode(
      id: "", kind: node.kind, addresses: [], name: "",
      namespace: outbound.hasSelectiveRules ? node.namespace : "", dnsDomain: "")
    if hasIPv4 { shared.addresses.append("0.0.0.0") }
    if hasIPv6 { shared.addresses.append("::") }
    for name in outbound.balancingLabels { shared.labels[name] = node.labels[name] }
    // Without any label at all, labels tell nothing: one that nothing asks for stands for the others.
    if shared.labels.isEmpty, !node.labels.isEmpty { shared.labels[""] = "" }
    shared.locality = node.locality
    shared.network = node.network
    shared.cluster = node.cluster
    if outbound.hasNodeLocalServices { shared.nodeName = node.nodeName }
    if let networks = node.metadata["REQUESTED_NETWORK_VIEW"] {
      shared.metadata["REQUESTED_NETWORK_VIEW"] = networks
    }
    return shared
  }

  /// What the load assignment of a cluster is made of, but for what is equal in its whole table.
  func facts(_ cluster: AssignmentTable.Cluster) -> AssignmentTable.Facts {
    guard let service = outbound.servicesByHost[cluster.host] else { return .init() }
    return .init(
      service: service, endpoints: mesh.registry.endpointsByService[service.key] ?? [],
      rule: outbound.destinationRule(for: service.hostname, workload: node.labels))
  }

  func assignment(
    _ cluster: AssignmentTable.Cluster, _ facts: AssignmentTable.Facts
  ) -> EncodedResource {
    let (name, clusterName, rule) = (cluster.name, cluster.text, facts.rule)
    guard let service = facts.service, let port = service.port(number: name.port), !service.isDNS
    else { return cache.resource(LoadAssignmentInputs(name: clusterName)) }
    let target = EndpointTarget(
      service: service, port: port, subset: name.subset, rule: rule,
      isServerName: !clusterName.contains("|"))
    let view = localityView(target)
    let key = AssignmentKey(
      name: clusterName, service: service.identity,
      endpoints: facts.endpoints, rule: rule,
      viewer: viewer(of: service), view: view, settings: mesh.sharedSettings,
      policies: mesh.config.peerAuthentications.tag, gateways: mesh.networkGateways)
    return cache.gathered.assignments.value(key) {
      cache.resource(
        LoadAssignmentInputs(
          name: clusterName, selection: endpointSelection(target), view: view))
    }
  }

  /// The endpoints of a cluster.
  func endpointSelection(_ target: EndpointTarget) -> EndpointSelection {
    let service = target.service
    let endpoints = mesh.registry.endpoints(of: service.key, port: target.port)
    var selection = EndpointSelection(
      endpoints: endpoints,
      peers: PeerAuthentications(
        mesh.config.peerAuthentications, root: settings.rootNamespace,
        namespaces: Set(endpoints.map(\.workload.facts.namespace))),
      viewer: viewer(of: service),
      gateways: service.isDNS ? mesh.writtenGateways : mesh.networkGateways)
    selection.subset = target.rule?.rule.subsetLabels(target.subset) ?? [:]
    selection.isDNS = service.isDNS
    selection.requiresMutualTLS = target.isServerName
    selection.tlsMode = target.rule?.rule.tlsMode(port: target.port.number, subset: target.subset)
    selection.sendsUnhealthy = service.sendsUnhealthy(settings)
    // Sessions by a header do not keep endpoints: istiod looks at one label here.
    selection.keepsDraining = service[label: settings.cookieLabel]?.isEmpty == false
    selection.drainingLabel = settings.drainingLabel
    selection.namesWorkloads = settings.labelsEndpoints
    if service.isMeshExternal, settings.labelsExternalServices {
      selection.external = ExternalIdentity(service)
    }
    selection.isDualStack = settings.feature("ISTIO_DUAL_STACK", default: false)
    selection.isClusterLocal = settings.isClusterLocal(service.hostname)
    return selection
  }

  /// What of the proxy decides over the endpoints of a service; what does not is left out, so that
  /// more proxies share them.
  private func viewer(of service: MeshService) -> EndpointSelection.Viewer {
    var viewer = EndpointSelection.Viewer(network: node.network)
    if service.isNodeLocal { viewer.nodeName = node.nodeName }
    if settings.isClusterLocal(service.hostname) { viewer.cluster = node.cluster }
    viewer.networks = requestedNetworks
    viewer.hasIPv4 = hasIPv4
    viewer.hasIPv6 = hasIPv6
    return viewer
  }

  /// How a cluster prefers places; nil where that is the same for all proxies.
  func localityView(_ target: EndpointTarget) -> LocalityView? {
    let policy = target.rule?.rule.policy(port: target.port.number, subset: target.subset)
    let hasOutlierDetection = policy?.outlierDetection != nil
    let balancing = LocalityBalancing.effective(
      mesh: settings.mesh, rule: policy?.loadBalancer, service: target.service.trafficDistribution)
    guard let balancing, balancing.dependsOnProxy(hasOutlierDetection: hasOutlierDetection) else {
      return nil
    }
    var labels: [String: String] = [:]
    for text in balancing.priorityLabels { labels[text] = node.labels[text] }
    return LocalityView(
      balancing: balancing, locality: node.locality, labels: labels,
      hasLabels: !node.labels.isEmpty, hasOutlierDetection: hasOutlierDetection)
  }

  /// Whether the proxy has an IPv4 address.
  var hasIPv4: Bool { addressFamilies.hasIPv4 }

  /// Whether the proxy has an IPv6 address.
  var hasIPv6: Bool { addressFamilies.hasIPv6 }

  private var requestedNetworks: Set<String>? {
    let written: [String]
    switch node.metadata["REQUESTED_NETWORK_VIEW"] {
    case .array(let values)?: written = values.compactMap(\.string)
    case .string(let text)?: written = text.split(separator: ",").map(String.init)
    default: written = []
    }
    return written.isEmpty ? nil : Set(written)
  }
}

/// What one load assignment depends on, whoever sees the service.
struct AssignmentKey: Hashable, Sendable {
  /// The cluster's name.
  var name: String
  var service: MeshService.Identity
  var endpoints: [MeshEndpoint]
  var rule: MergedDestinationRule?
  /// What of the proxy decides over endpoints.
  var viewer: EndpointSelection.Viewer
  /// How places are preferred, seen from the proxy.
  var view: LocalityView?
  var settings: Shared<MeshSettings>
  var policies: Tag
  /// The gateways of other networks.
  var gateways: NetworkGateways

  func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(service)
    hasher.combine(view?.locality)
  }
}

/// A port of a service as a cluster is made for it.
struct EndpointTarget {
  /// The service.
  var service: MeshService
  /// The port.
  var port: ServicePort
  /// The subset; empty for the whole service.
  var subset: String
  /// The DestinationRule.
  var rule: MergedDestinationRule?
  /// Whether the cluster has the form of a server name, for gateways that do not open TLS.
  var isServerName: Bool
}

extension MeshService {
  /// Whether the proxy asks DNS.
  var isDNS: Bool { resolution == .dnsLB || resolution == .dnsRoundRobinLB }

  /// Whether proxies are told of endpoints that are not ready: where they decide by that which
  /// places to use.
  func sendsUnhealthy(_ settings: MeshSettings) -> Bool {
    trafficDistribution != .any
      || settings.feature("PILOT_SEND_UNHEALTHY_ENDPOINTS", default: false)
  }
}

extension MeshSettings {
  /// The host at which proxies find their control plane: each cluster's is its own.
  private var discoveryHost: String {
    let host = (mesh.defaultConfig?.discoveryAddress ?? "").prefix { $0 != ":" }
    return host.hasSuffix(clusterDomain) ? String(host) : "\(host).\(clusterDomain)"
  }

  /// Whether only endpoints of the proxy's cluster serve a host (`serviceSettings`).
  fileprivate func isClusterLocal(_ host: Hostname) -> Bool {
    var best: (host: Hostname, isLocal: Bool)?
    let standard = [
      "*.kube-system.svc.\(clusterDomain)", "kubernetes.default.svc.\(clusterDomain)",
      discoveryHost,
    ]
    let written = mesh.serviceSettings.flatMap { setting in
      setting.hosts.map { (Hostname(valid: $0), setting.settings?.clusterLocal ?? false) }
    }
    for (pattern, isLocal) in standard.map({ (Hostname(valid: $0), true) }) + written {
      guard host.isSubset(of: pattern) else { continue }
      if let known = best?.host, known.isMoreSpecific(than: pattern) { continue }
      best = (pattern, isLocal)
    }
    return best?.isLocal ?? false
  }
}
