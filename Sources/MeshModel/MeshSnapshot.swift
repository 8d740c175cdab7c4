// SPDX-License-Identifier: Apache-2.0

public import Configuration
public import ServiceDiscovery
import Synchronization

/// Everything that translation may read, at one moment: immutable, published in order.
public final class MeshSnapshot: Sendable {
  /// Counts snapshots of this process; never part of names, bytes or versions.
  public let generation: UInt64
  /// What the mesh is set to, to be held by keys.
  public let sharedSettings: Shared<MeshSettings>
  /// What the mesh is set to.
  public var settings: MeshSettings { sharedSettings.value }
  /// The objects that are not part of the registry.
  public let config: ConfigTables
  /// Services, endpoints and workloads.
  public let registry: ServiceRegistry
  /// DestinationRules, merged and by host.
  public let destinationRules: DestinationRuleIndex
  /// VirtualServices with names resolved and delegates put in, oldest first.
  public let virtualServices: VirtualServiceIndex
  /// The services that lead into networks: those with the label `topology.istio.io/network`, and those
  /// that MeshNetworks name.
  public let networkServices: [MeshService]
  /// The gateways into networks as they are written: addresses may be names.
  public let writtenGateways: NetworkGateways
  /// The gateways into networks, with what DNS says of those that are names.
  public let networkGateways: NetworkGateways
  /// The services by who may see them.
  let visibleServices: VisibleServices
  /// The DestinationRules of scopes.
  let scopeRules: ScopeRulesMemo
  private let scopes: ScopeMemo

  /// A snapshot of objects and registry; of `previous` is kept what is made of the same tables.
  ///
  /// - Parameter addresses: What DNS says of names of gateways.
  public init(
    generation: UInt64, settings: Shared<MeshSettings>, config: ConfigTables,
    registry: ServiceRegistry, addresses: [String: [String]] = [:], previous: MeshSnapshot? = nil
  ) {
    let known = previous.flatMap { $0.sharedSettings == settings ? $0 : nil }
    self.generation = generation
    sharedSettings = settings
    self.config = config
    self.registry = registry
    if let rules = known?.destinationRules, rules.tag == config.destinationRules.tag {
      destinationRules = rules
    } else {
      destinationRules = DestinationRuleIndex(config.destinationRules, settings: settings.value)
    }
    if let services = known?.virtualServices, services.tag == config.virtualServices.tag {
      virtualServices = services
    } else {
      virtualServices = VirtualServiceIndex(
        config.virtualServices, settings: settings.value, previous: known?.virtualServices)
    }
    if let known, known.registry.servicesTag == registry.servicesTag {
      networkServices = known.networkServices
      visibleServices = known.visibleServices
    } else {
      visibleServices = VisibleServices(registry.services, settings: settings.value)
      networkServices = registry.services(leadingInto: settings.value.networks)
    }
    writtenGateways = NetworkGateways(settings.value, services: networkServices)
    networkGateways = writtenGateways.resolved(addresses)
    scopeRules = ScopeRulesMemo()
    scopes = ScopeMemo(after: known?.scopes)
  }

  /// The next snapshot, of which only endpoints differ: everything else is shared.
  ///
  /// - Parameter addresses: What DNS says of names of gateways now; nil where that is the same.
  public init(
    _ previous: MeshSnapshot, registry: ServiceRegistry, addresses: [String: [String]]? = nil
  ) {
    generation = previous.generation + 1
    sharedSettings = previous.sharedSettings
    config = previous.config
    self.registry = registry
    destinationRules = previous.destinationRules
    virtualServices = previous.virtualServices
    networkServices = previous.networkServices
    writtenGateways = previous.writtenGateways
    networkGateways = addresses.map(previous.writtenGateways.resolved) ?? previous.networkGateways
    visibleServices = previous.visibleServices
    scopeRules = previous.scopeRules
    scopes = previous.scopes
  }

  /// What a proxy sees of the mesh: shared by all proxies of a namespace that have the same Sidecar.
  public func outbound(for node: ProxyNode) -> OutboundScope {
    let sidecar = node.kind == .sidecar ? self.sidecar(for: node) : nil
    let key = ScopeMemo.Key(
      namespace: node.namespace, isGateway: node.kind != .sidecar, sidecar: sidecar)
    return scopes.scope(key) { previous in
      OutboundScope(
        self, namespace: key.namespace, isGateway: key.isGateway, sidecar: sidecar,
        previous: previous)
    }
  }

  /// The Sidecar of a proxy: one of its namespace that selects it, else that namespace's without
  /// selector, else the root namespace's without selector; the oldest of each (Istio's rule).
  public func sidecar(for node: ProxyNode) -> ConfigObject<Istio.Sidecar>? {
    let own = config.sidecars.objects(in: node.namespace)
    let selecting = own.first { object in
      guard let selector = object.spec.workloadSelector, !selector.labels.isEmpty else {
        return false
      }
      return selector.labels.isSubset(of: node.labels)
    }
    return selecting ?? own.first(where: \.spec.hasNoSelector)
      ?? config.sidecars.objects(in: settings.rootNamespace).first(where: \.spec.hasNoSelector)
  }
}

extension ServiceRegistry {
  fileprivate func services(leadingInto networks: Istio.MeshNetworks) -> [MeshService] {
    let named = networks.networks.values.flatMap(\.gateways).compactMap { gateway in
      if case .registryServiceName(let name)? = gateway.gw { name } else { nil }
    }
    return (services + remoteEntrances).filter { service in
      guard service.registry == .kubernetes else { return false }
      return service.labels[WellKnownLabel.network]?.isEmpty == false
        || named.contains(service.hostname.text)
    }
  }
}

extension Istio.Sidecar {
  fileprivate var hasNoSelector: Bool { workloadSelector?.labels.isEmpty ?? true }
}

extension [String: String] {
  /// Whether each label here is one of `others`.
  public func isSubset(of others: [String: String]) -> Bool {
    allSatisfy { others[$0.key] == $0.value }
  }
}

/// Remembers the scopes that were asked for; a scope is a pure function of snapshot and key.
private final class ScopeMemo: Sendable {
  struct Key: Hashable {
    var namespace: String
    var isGateway: Bool
    var sidecar: ConfigObject<Istio.Sidecar>?
  }

  private struct State {
    var made: [Key: OutboundScope] = [:]
    /// Those of the snapshot before, of which new ones keep what is equal.
    var earlier: [Key: OutboundScope] = [:]
  }

  private let state: Mutex<State>

  init(after previous: ScopeMemo?) {
    let earlier = previous?.state.withLock { $0.made.isEmpty ? $0.earlier : $0.made }
    state = Mutex(State(earlier: earlier ?? [:]))
  }

  func scope(_ key: Key, _ make: (OutboundScope?) -> OutboundScope) -> OutboundScope {
    let (known, earlier) = state.withLock { ($0.made[key], $0.earlier[key]) }
    if let known { return known }
    let fresh = make(earlier)
    return state.withLock { state in
      if let known = state.made[key] { return known }
      state.made[key] = fresh
      state.earlier[key] = nil
      return fresh
    }
  }
}
