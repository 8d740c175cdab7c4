// SPDX-License-Identifier: Apache-2.0

public import Configuration
public import ServiceDiscovery

/// One egress listener of a Sidecar, or the one that stands for "everything".
public struct EgressScope: Sendable {
  /// The listener as written; nil where no Sidecar, or a Sidecar without egress, applies.
  public let listener: Istio.IstioEgressListener?
  /// The services that it imports, oldest first.
  public let services: [MeshService]
  /// The VirtualServices that it imports.
  public let virtualServices: [ResolvedVirtualService]

  /// The port that it is for; nil for the catch-all.
  public var port: UInt32? { listener?.port?.number }
}

/// What proxies of a namespace see of the mesh: services, VirtualServices and DestinationRules.
///
/// Istio calls it SidecarScope. Immutable and shared by all proxies with equal inputs.
public final class OutboundScope: Sendable {
  /// The namespace of the proxies.
  public let namespace: String
  /// The Sidecar that applies, if one does.
  public let sidecar: ConfigObject<Istio.Sidecar>?
  /// The egress listeners in the order of the Sidecar.
  public let egress: [EgressScope]
  /// All services that any listener imports or that an imported VirtualService sends to; a host once.
  public let services: [MeshService]
  /// The same by host.
  public let servicesByHost: [Hostname: MeshService]
  /// Where traffic to unknown destinations goes.
  public let outboundPolicy: Istio.OutboundTrafficPolicy
  /// Whether DestinationRules differ among the proxies, because some select workloads.
  public var hasSelectiveRules: Bool { rules.isSelective }
  /// Tells the services, of all listeners, from others.
  public let servicesTag: Tag
  /// Tells the VirtualServices of all listeners from others.
  public let virtualServicesTag: Tag
  /// Tells those VirtualServices that route connections.
  public let connectionRulesTag: Tag
  /// Tells the DestinationRules of all services from others.
  public var destinationRulesTag: Tag { rules.tag }
  /// Whether some service is served only by endpoints of the proxy's own node.
  public let hasNodeLocalServices: Bool
  /// The labels of workloads that VirtualServices and DestinationRules look at.
  public let heededLabels: Set<String>
  /// The labels of workloads that decide over endpoints: by which rules select workloads, and by which
  /// near endpoints are told from far ones.
  public let balancingLabels: Set<String>
  /// Whether some DestinationRule sends traffic to where clients meant to, past the endpoints.
  public var hasPassthroughRules: Bool { rules.hasPassthrough }
  private let rules: ScopeRules
  private let trafficLabels: Set<String>
  private let tables: SourceTables

  /// The tables that a scope is made of.
  private struct SourceTables: Equatable {
    var services: Tag
    var virtualServices: Tag
    var destinationRules: Tag
  }

  /// A scope; of `previous`, which is of the same namespace, Sidecar and settings, is kept what is equal.
  init(
    _ mesh: MeshSnapshot, namespace: String, isGateway: Bool,
    sidecar: ConfigObject<Istio.Sidecar>?, previous: OutboundScope? = nil
  ) {
    self.namespace = namespace
    self.sidecar = sidecar
    tables = SourceTables(
      services: mesh.registry.servicesTag, virtualServices: mesh.virtualServices.tag,
      destinationRules: mesh.destinationRules.tag)
    let selection = ScopeSelection(mesh, namespace: namespace)
    let written = sidecar?.spec.egress ?? []
    let listeners = written.isEmpty ? [selection.everything] : written
    let known = previous.flatMap { $0.tables.services == mesh.registry.servicesTag ? $0 : nil }
    egress = listeners.indices.map { index in
      EgressScope(
        listener: written.isEmpty ? nil : listeners[index],
        services: known?.egress[index].services ?? selection.services(of: listeners[index]),
        virtualServices: selection.virtualServices(of: listeners[index]))
    }
    virtualServicesTag = Self.tag(egress, previous?.egress, keeping: previous?.virtualServicesTag) {
      $0.virtualServices
    }
    connectionRulesTag = Self.tag(egress, previous?.egress, keeping: previous?.connectionRulesTag) {
      $0.virtualServices.filter(\.routesConnections)
    }
    if let known, known.virtualServicesTag == virtualServicesTag {
      services = known.services
      servicesByHost = known.servicesByHost
      servicesTag = known.servicesTag
    } else {
      let found = CollectedServices(egress, mesh, selection, isGateway: isGateway)
      services = found.services
      if let previous, previous.services == services,
        previous.egress.map(\.services) == egress.map(\.services)
      {
        servicesByHost = previous.servicesByHost
        servicesTag = previous.servicesTag
      } else {
        servicesByHost = found.byHost
        servicesTag = found.tag
      }
    }
    let hasSameServices = previous?.servicesTag == servicesTag
    if let previous, hasSameServices {
      hasNodeLocalServices = previous.hasNodeLocalServices
      trafficLabels = previous.trafficLabels
    } else {
      hasNodeLocalServices = services.contains(where: \.isNodeLocal)
      trafficLabels = services.reduce(into: []) { $0.formUnion($1.trafficDistribution.labels) }
    }
    if let previous, hasSameServices,
      previous.tables.destinationRules == tables.destinationRules
    {
      rules = previous.rules
    } else {
      rules = mesh.scopeRules.interned(
        Self.rules(of: services, mesh, client: namespace), previous: previous?.rules)
    }
    heededLabels = rules.selectorLabels.union(
      egress.lazy.flatMap { $0.virtualServices.lazy.flatMap(\.sourceLabels) })
    balancingLabels = rules.selectorLabels.union(rules.priorityLabels).union(trafficLabels)
      .union(mesh.settings.priorityLabels)
    outboundPolicy = sidecar?.spec.outboundTrafficPolicy ?? mesh.settings.outboundPolicy
  }

  /// A tag that was given before, where a part of all listeners is as it was then.
  private static func tag<Part: Equatable>(
    _ egress: [EgressScope], _ previous: [EgressScope]?, keeping tag: Tag?,
    of part: (EgressScope) -> Part
  ) -> Tag {
    guard let previous, let tag, previous.map(part) == egress.map(part) else { return Tag() }
    return tag
  }

  private static func rules(
    of services: [MeshService], _ mesh: MeshSnapshot, client namespace: String
  ) -> [Hostname: [MergedDestinationRule]] {
    var rules: [Hostname: [MergedDestinationRule]] = [:]
    for service in services {
      let found = mesh.destinationRules.rules(client: namespace, service: service.key)
      if !found.isEmpty { rules[service.hostname] = found }
    }
    return rules
  }

  /// The DestinationRule of a host for outbound traffic of a workload: one that selects it, else
  /// the last without a selector (Istio's rule).
  public func destinationRule(
    for host: Hostname, workload labels: [String: String]
  ) -> MergedDestinationRule? {
    let candidates = rules.byHost[host] ?? []
    let selecting = candidates.first { rule in
      guard rule.namespace == namespace, let selector = rule.rule.selectorLabels else {
        return false
      }
      return selector.isSubset(of: labels)
    }
    return selecting ?? candidates.last { $0.rule.selectorLabels == nil }
  }

  /// The DestinationRule of a host for inbound traffic, where selectors do not count: the last
  /// without one.
  public func generalDestinationRule(for host: Hostname) -> MergedDestinationRule? {
    rules.byHost[host]?.last { $0.rule.selectorLabels == nil }
  }

  /// The egress listener that a route configuration of `port` belongs to: the first without a
  /// port or with this one.
  public func egress(forRoutePort port: UInt32) -> EgressScope? {
    egress.first { $0.port == nil || $0.port == port }
  }
}

extension MeshSettings {
  fileprivate var outboundPolicy: Istio.OutboundTrafficPolicy {
    var policy = Istio.OutboundTrafficPolicy()
    guard let mode = mesh.outboundTrafficPolicy?.mode else { return policy }
    policy.mode = Istio.OutboundTrafficPolicy.Mode(rawValue: mode.rawValue) ?? policy.mode
    return policy
  }

  /// The labels by which the mesh tells near endpoints from far ones.
  fileprivate var priorityLabels: Set<String> {
    ScopeRules.names(
      of: (mesh.localityLbSetting?.failoverPriority ?? [])
        + (mesh.zoneAwareLbSetting?.failoverPriority ?? []))
  }
}

extension ResolvedVirtualService {
  /// Whether it has routes of connections.
  public var routesConnections: Bool { !spec.tcp.isEmpty || !spec.tls.isEmpty }
}

/// All services of a scope: those that its listeners import, and those that their VirtualServices send to.
private struct CollectedServices {
  let services: [MeshService]
  let byHost: [Hostname: MeshService]
  let tag: Tag

  init(
    _ egress: [EgressScope], _ mesh: MeshSnapshot, _ selection: ScopeSelection, isGateway: Bool
  ) {
    let further = isGateway ? [] : egress.map(selection.destinations)
    let all = mesh.visibleServices
    // Mostly a scope is all that every namespace sees, arranged once for all of them.
    if egress.count == 1, all.isOpen(egress[0].services), let known = all.byHost,
      further.joined().allSatisfy({ known[$0.hostname]?.key == $0.key })
    {
      (services, byHost, tag) = (all.open, known, all.tag)
      return
    }
    var collected = ServiceCollection()
    for (index, scope) in egress.enumerated() {
      for service in scope.services { collected.add(service) }
      for service in further.isEmpty ? [] : further[index] { collected.add(service) }
    }
    services = collected.services
    byHost = Dictionary(uniqueKeysWithValues: services.map { ($0.hostname, $0) })
    tag = Tag()
  }
}
