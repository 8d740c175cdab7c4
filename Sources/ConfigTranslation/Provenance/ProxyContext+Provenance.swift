// SPDX-License-Identifier: Apache-2.0

public import Configuration
public import EnvoyAPI
import MeshModel
import ServiceDiscovery

/// The objects that made a resource: gathered when asked, from what its inputs are gathered from.
///
/// Nothing of it is kept: neither names nor bytes nor keys know of generations.
public struct ResourceProvenance: Hashable, Sendable {
  /// The objects, those that are in charge first, each once.
  public private(set) var sources: [ObjectKey] = []
  /// The objects of parts: of a route configuration's virtual hosts, by name.
  public var parts: [String: [ObjectKey]] = [:]

  /// The provenance of nothing.
  public init() {}

  /// Adds objects that are not there yet.
  public mutating func add(_ keys: some Sequence<ObjectKey>) {
    for key in keys where !sources.contains(key) { sources.append(key) }
  }

  /// Adds an object, if there is one and it is not there yet.
  public mutating func add(_ key: ObjectKey?) {
    if let key { add(CollectionOfOne(key)) }
  }
}

/// What one filter chain is for and leads to, by which the objects that made it are found.
public struct ChainReferences: Hashable, Sendable {
  /// The port that it is for alone; 0 for any.
  public var port: UInt32 = 0
  /// The clusters that connections go to.
  public var clusters: [String] = []
  /// The route configuration that requests are routed by, where it is a resource of its own.
  public var routes: String?

  /// A chain that refers to nothing.
  public init() {}
}

extension ProxyContext {
  /// The objects that made a resource of the proxy: of clusters, endpoints, route configurations,
  /// listeners and secrets; none of what the mesh's settings alone make.
  public func provenance(of type: ResourceType, _ name: String) -> ResourceProvenance {
    var found = ResourceProvenance()
    switch type {
    case .cluster: addCluster(name, to: &found)
    case .endpoint: addEndpoints(name, to: &found)
    case .route: addRoutes(name, to: &found)
    case .listener: addListener(name, to: &found)
    default: break
    }
    return found
  }

  /// The objects that made a filter chain of a listener, besides those that its metadata names.
  public func provenance(of chain: ChainReferences, in listener: String) -> ResourceProvenance {
    var found = ResourceProvenance()
    if node.kind == .router {
      let servers = servers(behind: listener).filter { server in
        chain.routes == nil || server.routeName == chain.routes
      }
      found.add(servers.map(\.gateway))
      if chain.routes == nil { found.add(connectionRules(of: servers, to: chain.clusters)) }
      return found
    }
    for cluster in chain.clusters { addCluster(cluster, to: &found) }
    if let routes = chain.routes { found.add(servicesRouted(by: routes).map(\.source)) }
    if chain.port != 0 { addInbound(chain.port, to: &found) }
    return found
  }

  // MARK: Clusters and endpoints

  private func addCluster(_ name: String, to found: inout ResourceProvenance) {
    guard let parsed = ClusterName(name) else { return }
    guard parsed.direction == .outbound else { return addInbound(parsed.port, to: &found) }
    guard let service = outbound.servicesByHost[Hostname(valid: parsed.host)] else { return }
    found.add(service.source)
    let rule = outbound.destinationRule(for: service.hostname, workload: node.labels)
    found.add(rule?.sources ?? [])
    if !service.isMeshExternal { found.add(generalPeerAuthentication(service.namespace)) }
  }

  private func addEndpoints(_ name: String, to found: inout ResourceProvenance) {
    addCluster(name, to: &found)
    guard let parsed = ClusterName(name),
      let service = outbound.servicesByHost[Hostname(valid: parsed.host)]
    else { return }
    found.add(mesh.registry.sources.endpointObjects(of: service))
  }

  /// The services behind a port of the workload, their rules, the Sidecar that declares it, and the
  /// policy of mutual TLS.
  private func addInbound(_ port: UInt32, to found: inout ResourceProvenance) {
    if let sidecar = outbound.sidecar, !sidecar.spec.ingress.isEmpty { found.add(sidecar.key) }
    for target in targets where target.targetPort == port {
      found.add(target.service.source)
      let rule = outbound.destinationRule(for: target.service.hostname, workload: [:])
      if rule?.rule.trafficPolicy != nil { found.add(rule?.sources ?? []) }
    }
    found.add(generalPeerAuthentication(node.namespace))
    let selecting = mesh.config.peerAuthentications.objects(in: node.namespace).first { object in
      guard let labels = object.spec.selector?.matchLabels, !labels.isEmpty else { return false }
      return labels.isSubset(of: node.labels)
    }
    found.add(selecting?.key)
  }

  /// The PeerAuthentication that counts for all workloads of a namespace.
  private func generalPeerAuthentication(_ namespace: String) -> ObjectKey? {
    [namespace, settings.rootNamespace].lazy.compactMap { owner in
      mesh.config.peerAuthentications.objects(in: owner).first {
        $0.spec.selector?.matchLabels.isEmpty ?? true
      }
    }.first?.key
  }

  // MARK: Routes

  private func addRoutes(_ name: String, to found: inout ResourceProvenance) {
    let hosts: [VirtualHostPlan]
    if node.kind == .router {
      var routes = GatewayRoutes(self, gateways: gateways)
      hosts = routes.inputs(name).virtualHosts.map(\.plan)
      found.add(gateways.serversByRoute[name]?.map(\.gateway) ?? [])
    } else {
      hosts = SidecarRoutes(self).inputs(name).virtualHosts.map(\.plan)
      found.add(outbound.sidecar?.key)
    }
    for host in hosts {
      var part = ResourceProvenance()
      for route in host.routes { add(route, to: &part) }
      let named = host.name.prefix { $0 != ":" }
      if node.kind == .sidecar {
        part.add(outbound.servicesByHost[Hostname(valid: String(named))]?.source)
      }
      found.parts[host.name] = part.sources
      found.add(part.sources)
    }
  }

  private func add(_ route: RoutePlan, to found: inout ResourceProvenance) {
    switch route {
    case .rule(let plan): found.add([plan.source] + delegates(of: plan.source))
    case .service(let plan):
      found.add(outbound.servicesByHost[Hostname(valid: plan.cluster.host)]?.source)
    case .fallback:
      if sidecar?.outboundTrafficPolicy != nil { found.add(outbound.sidecar?.key) }
    }
  }

  /// The Gateways that the proxy serves, as VirtualServices name them (`namespace/name`); none for
  /// others than gateways.
  public var gatewayNames: [String] {
    guard node.kind == .router else { return [] }
    return Set(gateways.ports.flatMap(\.servers).map(\.gatewayName)).sorted()
  }

  /// The delegates whose routes stand in a VirtualService.
  public func delegates(of rule: ObjectKey) -> [ObjectKey] {
    mesh.virtualServices.all.first { $0.object.key == rule }?.delegates ?? []
  }

  /// The services whose requests a route configuration of a sidecar is for.
  private func servicesRouted(by name: String) -> [MeshService] {
    let parts = name.split(separator: ":")
    guard let last = parts.last, let port = UInt32(last) else { return [] }
    let host = parts.count == 2 ? String(parts[0]) : nil
    return outbound.services.filter { service in
      if let host { return service.hostname.text == host }
      return service.port(number: port)?.protocol.isHTTPOrSniffed ?? false
    }
  }

  // MARK: Listeners

  private func addListener(_ name: String, to found: inout ResourceProvenance) {
    if node.kind == .router {
      found.add(servers(behind: name).map(\.gateway))
      return
    }
    found.add(outbound.sidecar?.key)
    guard name != "virtualOutbound" else { return }
    guard name != "virtualInbound" else {
      for target in targets { addInbound(target.targetPort, to: &found) }
      return
    }
    guard let place = name.lastIndex(of: "_"), let port = UInt32(name[name.index(after: place)...])
    else { return }
    let address = String(name[..<place])
    // Where nothing is redirected, services are at a loopback address.
    let shared = addressFamilies.wildcards + (bindsByDefault ? addressFamilies.loopbacks : [])
    let isForAll = shared.contains(address)
    let services = outbound.services.filter { service in
      service.port(number: port) != nil
        && (isForAll || allAddresses(of: service).contains(address) || service.isHeadless)
    }
    found.add(services.map(\.source))
  }

  /// The servers of Gateways behind a listener.
  private func servers(behind listener: String) -> [GatewayServer] {
    gateways.ports.filter { listener.hasSuffix("_\($0.port.number)") }.flatMap(\.servers)
  }

  /// The VirtualServices that route connections of servers to clusters.
  private func connectionRules(of servers: [GatewayServer], to clusters: [String]) -> [ObjectKey] {
    let hosts = Set(clusters.compactMap { ClusterName($0)?.host })
    let rules = Set(servers.map(\.gatewayName)).sorted().flatMap {
      mesh.virtualServices.bound(to: $0, visibleIn: node.namespace)
    }
    return rules.filter { rule in
      let destinations = rule.spec.tcp.flatMap(\.route) + rule.spec.tls.flatMap(\.route)
      return destinations.contains { hosts.contains($0.destination?.host ?? "") }
    }.map(\.object.key)
  }
}
