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
  public let hasSelectiveRules: Bool
  private let rules: [Hostname: [MergedDestinationRule]]

  init(
    _ mesh: MeshSnapshot, namespace: String, isGateway: Bool,
    sidecar: ConfigObject<Istio.Sidecar>?
  ) {
    self.namespace = namespace
    self.sidecar = sidecar
    let selection = ScopeSelection(mesh, namespace: namespace)
    let written = sidecar?.spec.egress ?? []
    egress = written.isEmpty ? [selection.everything()] : written.map { selection.scope(of: $0) }
    var collected = ServiceCollection()
    for scope in egress {
      for service in scope.services { collected.add(service) }
      guard !isGateway else { continue }
      for service in selection.destinations(of: scope) { collected.add(service) }
    }
    services = collected.services
    servicesByHost = Dictionary(uniqueKeysWithValues: services.map { ($0.hostname, $0) })
    var rules: [Hostname: [MergedDestinationRule]] = [:]
    for service in services {
      let found = mesh.destinationRules.rules(client: namespace, service: service.key)
      if !found.isEmpty { rules[service.hostname] = found }
    }
    self.rules = rules
    hasSelectiveRules = rules.values.contains { rules in
      rules.contains { $0.rule.selectorLabels != nil }
    }
    outboundPolicy = sidecar?.spec.outboundTrafficPolicy ?? mesh.settings.outboundPolicy
  }

  /// The DestinationRule of a host for outbound traffic of a workload: one that selects it, else
  /// the last without a selector (Istio's rule).
  public func destinationRule(
    for host: Hostname, workload labels: [String: String]
  ) -> MergedDestinationRule? {
    let candidates = rules[host] ?? []
    let selecting = candidates.first { rule in
      guard rule.namespace == namespace, let selector = rule.rule.selectorLabels else {
        return false
      }
      return selector.isSubset(of: labels)
    }
    return selecting ?? candidates.last { $0.rule.selectorLabels == nil }
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
}
