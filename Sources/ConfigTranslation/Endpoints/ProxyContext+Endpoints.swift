// SPDX-License-Identifier: Apache-2.0

import Configuration
public import EnvoyAPI
import JSON
import MeshModel
import ServiceDiscovery
import Synchronization

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
      table: cache.gathered.assignmentTables.value(sources) { AssignmentTable() })
  }

  /// All that load assignments are made of: where it is equal, they are.
  public var endpointSources: EndpointSources {
    EndpointSources(
      node: nodeForEndpoints, settings: mesh.sharedSettings, visible: outbound.servicesTag,
      rules: outbound.destinationRulesTag, policies: mesh.config.peerAuthentications.tag,
      services: mesh.registry.servicesTag, endpoints: mesh.registry.endpointsTag,
      gateways: mesh.networkGateways)
  }

  /// What of the proxy load assignments depend on.
  private var nodeForEndpoints: ProxyNode {
    var shared = ProxyNode(
      id: "", kind: node.kind, addresses: [], name: "", namespace: node.namespace, dnsDomain: "")
    if hasIPv4 { shared.addresses.append("0.0.0.0") }
    if hasIPv6 { shared.addresses.append("::") }
    shared.labels = node.labels
    shared.locality = node.locality
    shared.network = node.network
    shared.cluster = node.cluster
    if outbound.hasNodeLocalServices { shared.nodeName = node.nodeName }
    if let networks = node.metadata["REQUESTED_NETWORK_VIEW"] {
      shared.metadata["REQUESTED_NETWORK_VIEW"] = networks
    }
    return shared
  }

  fileprivate func assignment(_ clusterName: String) -> EncodedResource? {
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
      name: clusterName, service: service.identity,
      endpoints: mesh.registry.endpointsByService[service.key] ?? [], rule: rule,
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

/// What load assignments of a proxy are made of.
public struct EndpointSources: Hashable, Sendable {
  /// The proxy without what does not matter to them.
  let node: ProxyNode
  fileprivate var settings: Shared<MeshSettings>
  fileprivate var visible: Tag
  fileprivate var rules: Tag
  fileprivate var policies: Tag
  fileprivate var services: Tag
  fileprivate var endpoints: Tag
  fileprivate var gateways: NetworkGateways

  /// Adds what mostly differs; the rest is left to equality.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(node.namespace)
    hasher.combine(node.labels)
    hasher.combine(node.locality)
    hasher.combine(endpoints)
    hasher.combine(visible)
  }
}

/// The load assignments of a proxy by the names of their clusters.
public struct LoadAssignments: Sendable {
  fileprivate let context: ProxyContext
  fileprivate let table: AssignmentTable

  /// The load assignment of a cluster, as ``ProxyContext/endpoints(_:)`` has it.
  public subscript(name: String) -> EncodedResource? {
    table.value(name) { context.assignment(name) }
  }
}

/// The load assignments of a class of proxies, as they are asked for.
final class AssignmentTable: Sendable {
  private let known = Mutex<[String: EncodedResource?]>([:])

  func value(_ name: String, _ make: () -> EncodedResource?) -> EncodedResource? {
    if let known = known.withLock({ $0[name] }) { return known }
    let made = make()
    known.withLock { $0[name] = .some(made) }
    return made
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
