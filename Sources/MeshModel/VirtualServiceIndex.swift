// SPDX-License-Identifier: Apache-2.0

public import Configuration
public import ServiceDiscovery

/// A VirtualService with its hosts, gateways and destinations given in full, and delegates put in.
///
/// Immutable, and kept from snapshot to snapshot while the object and its delegates stay.
public final class ResolvedVirtualService: Hashable, Sendable {
  /// The object as written.
  public let object: ConfigObject<Istio.VirtualService>
  /// Its content, names resolved.
  public let spec: Istio.VirtualService
  /// The delegates whose routes were put in.
  public let delegates: [ObjectKey]
  /// The namespaces that see it, `.` resolved; empty means all.
  public let exportTo: Set<String>
  /// The labels of clients that its matches look at.
  public let sourceLabels: Set<String>
  /// Its hosts in lower case.
  public let hostnames: [Hostname]
  /// The hosts that its HTTP routes send to, mirrors too.
  public let destinations: [Hostname]
  /// The hosts that it sends to, with ports; nil where that depends on the client's namespace.
  private let reachedByAll: [(Hostname, Set<UInt32>)]?

  init(
    object: ConfigObject<Istio.VirtualService>, spec: Istio.VirtualService, delegates: [ObjectKey],
    exportTo: Set<String>
  ) {
    self.object = object
    self.spec = spec
    self.delegates = delegates
    self.exportTo = exportTo
    var labels: Set<String> = []
    for match in spec.http.lazy.flatMap(\.match) { labels.formUnion(match.sourceLabels.keys) }
    for match in spec.tcp.lazy.flatMap(\.match) { labels.formUnion(match.sourceLabels.keys) }
    for match in spec.tls.lazy.flatMap(\.match) { labels.formUnion(match.sourceLabels.keys) }
    sourceLabels = labels
    let isSame =
      spec.http.allSatisfy { $0.match.allSatisfy(\.sourceNamespace.isEmpty) }
      && spec.tcp.allSatisfy { $0.match.allSatisfy(\.sourceNamespace.isEmpty) }
      && spec.tls.allSatisfy { $0.match.allSatisfy(\.sourceNamespace.isEmpty) }
    reachedByAll = isSame ? spec.destinations(from: "") : nil
    hostnames = spec.hosts.map { Hostname(valid: $0.lowercased()) }
    let named = spec.http.flatMap { rule in
      rule.route.map(\.destination) + [rule.mirror] + rule.mirrors.map(\.destination)
    }
    destinations = Set(named.compactMap { $0?.host }).sorted().map { Hostname(valid: $0) }
  }

  /// The object's metadata.
  public var meta: ObjectMeta { object.meta }

  /// The hosts that it sends to from proxies of a namespace, with the ports asked for; in the order of
  /// their names.
  func reached(from namespace: String) -> [(Hostname, Set<UInt32>)] {
    reachedByAll ?? spec.destinations(from: namespace)
  }

  /// Whether both say the same.
  public static func == (left: ResolvedVirtualService, right: ResolvedVirtualService) -> Bool {
    left === right
      || left.object == right.object && left.spec == right.spec
        && left.delegates == right.delegates && left.exportTo == right.exportTo
  }

  /// Adds the object's name: what it says is left to equality.
  public func hash(into hasher: inout Hasher) { hasher.combine(object) }

  /// Whether proxies of a namespace may see it.
  public func isVisible(in namespace: String) -> Bool {
    if exportTo.isEmpty || exportTo.contains("*") { return true }
    return exportTo.contains(namespace) && !exportTo.contains("~")
  }
}

extension ObjectMeta {
  /// What an object that was made of another is: `gateway` for a route of the Gateway API, `ingress`
  /// for an Ingress; empty for what a user wrote.
  public var routeOrigin: String { annotations["internal.istio.io/route-semantics"] ?? "" }

  /// Whether a route of the Gateway API made the object.
  var isGatewayRoute: Bool { routeOrigin == "gateway" }
}

/// VirtualServices by the gateways that they are bound to (`mesh` for sidecars).
public struct VirtualServiceIndex: Sendable {
  /// The gateway name that stands for all sidecars.
  public static let mesh = "mesh"

  /// All that are no delegates, oldest first.
  public let all: [ResolvedVirtualService]
  /// Tells this index from others: that of the table which it was made of.
  public let tag: Tag
  private let byGateway: [String: [ResolvedVirtualService]]

  /// The index of a table; what `previous`, of the same settings, holds of it is kept.
  init(
    _ objects: ConfigTable<Istio.VirtualService>, settings: MeshSettings,
    previous: VirtualServiceIndex? = nil
  ) {
    tag = objects.tag
    all = DelegateResolution(objects, settings: settings).resolved(keeping: previous?.all ?? [])
    var byGateway: [String: [ResolvedVirtualService]] = [:]
    for service in all {
      let gateways = service.spec.gateways.isEmpty ? [Self.mesh] : service.spec.gateways
      for gateway in Set(gateways) { byGateway[gateway, default: []].append(service) }
    }
    self.byGateway = byGateway
  }

  /// Those bound to a gateway, whoever sees them, oldest first.
  public func bound(to gateway: String) -> [ResolvedVirtualService] { byGateway[gateway] ?? [] }

  /// Those bound to a gateway (`namespace/name`, or ``mesh``) that a namespace sees, in istiod's
  /// order: private ones of the namespace, then those exported to it by name, then public ones;
  /// each by age, but of public ones the namespace's own routes of the Gateway API first.
  public func bound(to gateway: String, visibleIn namespace: String) -> [ResolvedVirtualService] {
    let visible = bound(to: gateway).filter { $0.isVisible(in: namespace) }
    let isPublic = { (service: ResolvedVirtualService) in
      service.exportTo.isEmpty || service.exportTo.contains("*")
    }
    let hidden = visible.filter { !isPublic($0) }
    let own = hidden.filter { $0.meta.namespace == namespace }
    let named = hidden.filter { $0.meta.namespace != namespace }
    let isOwnRoute = { (service: ResolvedVirtualService) in
      service.meta.isGatewayRoute && service.meta.namespace == namespace
    }
    let open = visible.filter(isPublic)
    return own + named + open.filter(isOwnRoute) + open.filter { !isOwnRoute($0) }
  }
}
