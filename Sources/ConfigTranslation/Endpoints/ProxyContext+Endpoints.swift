// SPDX-License-Identifier: Apache-2.0

import Configuration
public import EnvoyAPI
import JSON
import MeshModel
import ServiceDiscovery

extension ProxyContext {
  /// The load assignment of an EDS cluster; empty where no service or port of the name is seen, and
  /// nil where it is no name of an outbound cluster.
  public func endpoints(_ clusterName: String) -> EncodedResource? {
    guard let name = ClusterName(clusterName), name.direction == .outbound else { return nil }
    guard let service = outbound.servicesByHost[Hostname(valid: name.host)],
      let port = service.port(number: name.port), !service.isDNS
    else { return cache.resource(LoadAssignmentInputs(name: clusterName)) }
    let rule = outbound.destinationRule(for: service.hostname, workload: node.labels)
    let target = EndpointTarget(
      service: service, port: port, subset: name.subset, rule: rule,
      isServerName: !clusterName.contains("|"))
    let view = localityView(target)
    let key = AssignmentKey(
      scope: ObjectIdentifier(outbound), name: clusterName, viewer: viewer(of: service),
      view: view, labels: outbound.hasSelectiveRules ? node.labels : [:])
    return cache.gathered.assignments.value(key, of: mesh) {
      cache.resource(
        LoadAssignmentInputs(
          name: clusterName, selection: endpointSelection(target), view: view))
    }
  }

  /// All that load assignments are made of: where it is equal, they are.
  public var endpointSources: EndpointSources {
    EndpointSources(
      node: node, settings: mesh.sharedSettings, visible: outbound.servicesTag,
      rules: outbound.destinationRulesTag, policies: mesh.config.peerAuthentications.tag,
      services: mesh.registry.servicesTag, endpoints: mesh.registry.endpointsTag)
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
      viewer: viewer(of: service), gateways: NetworkGateways(mesh, namesAllowed: service.isDNS))
    selection.subset = target.rule?.rule.subsetLabels(target.subset) ?? [:]
    selection.isDNS = service.isDNS
    selection.requiresMutualTLS = target.isServerName
    selection.tlsMode = target.rule?.rule.tlsMode(port: target.port.number, subset: target.subset)
    selection.sendsUnhealthy = service.sendsUnhealthy(settings)
    selection.keepsDraining = service.hasPersistentSessions
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
  var hasIPv4: Bool { node.addresses.contains { IPAddress($0)?.isIPv4 == true } }

  /// Whether the proxy has an IPv6 address.
  var hasIPv6: Bool { node.addresses.contains { IPAddress($0)?.isIPv4 == false } }

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

/// What load assignments of a proxy are made of.
public struct EndpointSources: Hashable, Sendable {
  fileprivate var node: ProxyNode
  fileprivate var settings: Shared<MeshSettings>
  fileprivate var visible: Tag
  fileprivate var rules: Tag
  fileprivate var policies: Tag
  fileprivate var services: Tag
  fileprivate var endpoints: Tag
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
  /// Whether only endpoints of the proxy's cluster serve a host (`serviceSettings`).
  fileprivate func isClusterLocal(_ host: Hostname) -> Bool {
    var best: (host: Hostname, isLocal: Bool)?
    let standard = [
      "*.kube-system.svc.\(clusterDomain)", "kubernetes.default.svc.\(clusterDomain)",
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
