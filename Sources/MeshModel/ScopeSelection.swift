// SPDX-License-Identifier: Apache-2.0

public import Configuration
public import ServiceDiscovery

/// The hosts that an egress listener imports from one namespace, or from all (`*`).
private struct ImportedHosts {
  var imported: [Hostname] = []
  var excluded: [Hostname] = []

  /// Whether every host is meant.
  var isEverything: Bool { excluded.isEmpty && imported.contains { $0.text == "*" } }

  func matches(_ host: Hostname) -> Bool { imported.contains { host.isSubset(of: $0) } }
  /// Whether a VirtualService's host is imported: of those that users write both ways, so that
  /// `*.com` is imported by `a.com`; of routes of the Gateway API as services are.
  func matchesRoute(_ host: Hostname, isGatewayRoute: Bool) -> Bool {
    isGatewayRoute ? matches(host) : imported.contains { host.matches($0) }
  }
  func excludes(_ host: Hostname) -> Bool { excluded.contains { host.isSubset(of: $0) } }
}

/// Selects what the egress listeners of a namespace's Sidecar import.
struct ScopeSelection {
  private let mesh: MeshSnapshot
  private let namespace: String
  /// The services that the namespace sees, oldest first: those exported to it by name, then public.
  private var visible: [MeshService] {
    hidden.isEmpty ? mesh.visibleServices.open : hidden + mesh.visibleServices.open
  }
  /// Those exported to it by name.
  private let hidden: [MeshService]

  init(_ mesh: MeshSnapshot, namespace: String) {
    self.mesh = mesh
    self.namespace = namespace
    hidden = mesh.visibleServices.hidden.filter {
      $0.isVisible(in: namespace, settings: mesh.settings)
    }
  }

  /// The listener that stands for none: everything that is exported to the namespace.
  var everything: Istio.IstioEgressListener {
    var listener = Istio.IstioEgressListener()
    listener.hosts = ["*/*"]
    return listener
  }

  /// The services that one listener imports.
  func services(of listener: Istio.IstioEgressListener) -> [MeshService] {
    services(importedHosts(listener.hosts), port: listener.matchedPort)
  }

  /// The VirtualServices that one listener imports.
  func virtualServices(of listener: Istio.IstioEgressListener) -> [ResolvedVirtualService] {
    virtualServices(importedHosts(listener.hosts))
  }

  /// The services that the listener's VirtualServices send to.
  func destinations(of scope: EgressScope) -> [MeshService] {
    scope.virtualServices.flatMap { service in
      service.reached(from: namespace).compactMap { host, ports in
        let own = mesh.registry.service(ServiceKey(host, namespace: namespace))
        guard let found = own ?? best(of: mesh.registry.services(hostname: host)) else {
          return nil
        }
        if let port = scope.listener?.matchedPort { return found.restricted(to: [port]) }
        return ports.contains(0) ? found : found.restricted(to: ports)
      }
    }
  }

  /// Of services of one host in several namespaces: Kubernetes' before others, then the oldest; the
  /// first namespace by name where `PILOT_SIDECAR_PICK_BEST_SERVICE_NAMESPACE` is off.
  private func best(of services: [String: MeshService]) -> MeshService? {
    let seen = services.values.filter { $0.isVisible(in: namespace, settings: mesh.settings) }
    guard mesh.settings.feature("PILOT_SIDECAR_PICK_BEST_SERVICE_NAMESPACE", default: true) else {
      return seen.min { $0.namespace < $1.namespace }
    }
    let kubernetes = seen.filter { $0.registry == .kubernetes }
    return (kubernetes.isEmpty ? seen : kubernetes).min { $0.isOlder(than: $1) }
  }

  private func importedHosts(_ written: [String]) -> [String: ImportedHosts] {
    var hosts: [String: ImportedHosts] = [:]
    for text in written {
      let parts = text.split(separator: "/", omittingEmptySubsequences: false)
      guard parts.count == 2 else { continue }
      var owner = String(parts[0])
      let isExcluded = owner.hasPrefix("~")
      if isExcluded { owner = owner == "~" ? "*" : String(owner.dropFirst()) }
      if owner == "." { owner = namespace }
      let host = Hostname(valid: String(parts[1]))
      if isExcluded {
        hosts[owner, default: ImportedHosts()].excluded.append(host)
      } else {
        hosts[owner, default: ImportedHosts()].imported.append(host)
      }
    }
    return hosts
  }

  private func services(_ hosts: [String: ImportedHosts], port: UInt32?) -> [MeshService] {
    let everywhere = hosts["*"]
    let isAll = hosts.count == 1 && everywhere?.isEverything == true
    if isAll, port == nil, hidden.isEmpty, mesh.visibleServices.byHost != nil {
      return mesh.visibleServices.open
    }
    let imported = visible.compactMap { service -> MeshService? in
      let own = hosts[service.namespace]
      if own?.excludes(service.hostname) == true { return nil }
      if everywhere?.excludes(service.hostname) == true { return nil }
      let names = [service.hostname] + service.aliases.map(\.hostname)
      guard names.contains(where: { own?.matches($0) == true || everywhere?.matches($0) == true })
      else { return nil }
      return port.map { service.restricted(to: [$0]) } ?? service
    }
    return pickingNamespaces(imported)
  }

  /// Of a host in several namespaces, the one of the proxies' namespace, else Kubernetes' (unless
  /// `PILOT_UNIFIED_SIDECAR_SCOPE` is off), else the first.
  private func pickingNamespaces(_ imported: [MeshService]) -> [MeshService] {
    let prefersKubernetes = mesh.settings.feature("PILOT_UNIFIED_SIDECAR_SCOPE", default: true)
    var chosen: [Hostname: MeshService] = [:]
    for service in imported {
      guard let known = chosen[service.hostname] else {
        chosen[service.hostname] = service
        continue
      }
      let isBetterKind =
        prefersKubernetes && known.registry != .kubernetes && service.registry == .kubernetes
      if service.namespace == namespace || isBetterKind && known.namespace != namespace {
        chosen[service.hostname] = service
      }
    }
    return imported.filter { chosen[$0.hostname]?.namespace == $0.namespace }
  }

  private func virtualServices(_ hosts: [String: ImportedHosts]) -> [ResolvedVirtualService] {
    let everywhere = hosts["*"]
    let all = mesh.virtualServices.bound(to: VirtualServiceIndex.mesh, visibleIn: namespace)
    return all.filter { service in
      let own = hosts[service.meta.namespace]
      return service.spec.hosts.contains { text in
        let host = Hostname(valid: text)
        if own?.excludes(host) == true || everywhere?.excludes(host) == true { return false }
        let isGatewayRoute = service.meta.isGatewayRoute
        return [own, everywhere].contains {
          $0?.matchesRoute(host, isGatewayRoute: isGatewayRoute) == true
        }
      }
    }
  }
}

extension Istio.IstioEgressListener {
  /// The port that services must have; an HTTP proxy's port is its own.
  fileprivate var matchedPort: UInt32? {
    guard let port, port.number != 0, port.protocol.uppercased() != "HTTP_PROXY" else { return nil }
    return port.number
  }
}

extension MeshService {
  /// The namespaces that see the service; the mesh's default where it says nothing.
  func visibility(_ settings: MeshSettings) -> Set<String> {
    guard exportTo.isEmpty else { return exportTo }
    return Set(settings.mesh.defaultServiceExportTo)
  }

  func isPublic(_ settings: MeshSettings) -> Bool {
    let visibility = visibility(settings)
    return visibility.isEmpty || visibility.contains("*")
  }

  /// Whether proxies of a namespace may see the service.
  public func isVisible(in other: String, settings: MeshSettings) -> Bool {
    let visibility = visibility(settings)
    if isPublic(settings) || visibility.contains(other) { return true }
    return visibility.contains(".") && other == namespace
  }

  /// The service with only the ports given; nil where it has none of them.
  func restricted(to ports: Set<UInt32>) -> MeshService? {
    let kept = self.ports.filter { ports.contains($0.number) }
    guard !kept.isEmpty else { return nil }
    var service = self
    service.ports = kept
    return service
  }
}

extension Istio.VirtualService {
  /// The hosts that it sends to, with the ports asked for (0 where a destination names none), in the
  /// order of their names; without HTTP routes that are only for proxies of other namespaces than
  /// `namespace`, where that is given.
  public func destinations(from namespace: String? = nil) -> [(Hostname, Set<UInt32>)] {
    var found: [String: Set<UInt32>] = [:]
    let add = { (destination: Istio.Destination?) in
      guard let destination else { return }
      found[destination.host, default: []].insert(destination.port?.number ?? 0)
    }
    for route in http where namespace.map(route.isReached) ?? true {
      for target in route.route { add(target.destination) }
      add(route.mirror)
      for mirror in route.mirrors { add(mirror.destination) }
    }
    for target in tcp.flatMap(\.route) + tls.flatMap(\.route) { add(target.destination) }
    return found.sorted { $0.key < $1.key }.map { (Hostname(valid: $0.key), $0.value) }
  }
}

extension Istio.HTTPRoute {
  /// Whether the route is for proxies of a namespace: it names that, or none at all.
  fileprivate func isReached(from namespace: String) -> Bool {
    let named = match.map(\.sourceNamespace).filter { !$0.isEmpty }
    return named.isEmpty || named.contains(namespace)
  }
}
