// SPDX-License-Identifier: Apache-2.0

import Configuration

/// Completes the names in VirtualServices, and puts the routes of delegates into their roots.
struct DelegateResolution {
  /// What a root refers to a delegate by.
  private struct DelegateKey: Hashable {
    var namespace: String
    var name: String
  }

  private let objects: ConfigTable<Istio.VirtualService>
  private let settings: MeshSettings
  private let delegates: [DelegateKey: ConfigObject<Istio.VirtualService>]

  init(_ objects: ConfigTable<Istio.VirtualService>, settings: MeshSettings) {
    self.objects = objects
    self.settings = settings
    let withoutHosts = objects.all.filter(\.spec.hosts.isEmpty)
    delegates = Dictionary(
      withoutHosts.map { (DelegateKey(namespace: $0.meta.namespace, name: $0.meta.name), $0) }
    ) { first, _ in first }
  }

  /// All that are no delegates; those of `known` that refer to none and are of the same object stay.
  func resolved(keeping known: [ResolvedVirtualService]) -> [ResolvedVirtualService] {
    let kept = Dictionary(
      known.lazy.map { (ObjectIdentifier($0.object), $0) }
    ) { first, _ in first }
    return objects.all.filter { !$0.spec.hosts.isEmpty }.map { object in
      // Known ones hold their objects, so that no other can stand at such an address.
      if let same = kept[ObjectIdentifier(object)], !object.hasDelegates { return same }
      return resolve(object)
    }
  }

  private func resolve(_ object: ConfigObject<Istio.VirtualService>) -> ResolvedVirtualService {
    var spec = complete(object.spec, namespace: object.meta.namespace)
    var used: [ObjectKey] = []
    spec.http = spec.http.flatMap { route -> [Istio.HTTPRoute] in
      guard let reference = route.delegate else { return [route] }
      guard let delegate = delegate(reference, of: object) else { return [] }
      used.append(
        ObjectKey(
          kind: delegate.kind, namespace: delegate.meta.namespace, name: delegate.meta.name))
      let completed = complete(delegate.spec, namespace: delegate.meta.namespace)
      return completed.http.compactMap(route.merged)
    }
    return ResolvedVirtualService(
      object: object, spec: spec, delegates: used, exportTo: exportTo(object))
  }

  /// The delegate that a root's route refers to, where there is one and the root may see it.
  private func delegate(
    _ reference: Istio.Delegate, of root: ConfigObject<Istio.VirtualService>
  ) -> ConfigObject<Istio.VirtualService>? {
    let owner = root.meta.namespace
    let namespace = reference.namespace.isEmpty ? owner : reference.namespace
    guard let found = delegates[DelegateKey(namespace: namespace, name: reference.name)] else {
      return nil
    }
    let visibility = exportTo(found)
    return visibility.isEmpty || visibility.contains("*") || visibility.contains(owner)
      ? found : nil
  }

  private func exportTo(_ object: ConfigObject<Istio.VirtualService>) -> Set<String> {
    let written = object.spec.exportTo
    let named = written.isEmpty ? settings.mesh.defaultVirtualServiceExportTo : written
    return Set(named.map { $0 == "." ? object.meta.namespace : $0 })
  }

  /// The content with short hosts and gateways completed (istiod's ResolveVirtualServiceShortnames).
  private func complete(
    _ written: Istio.VirtualService, namespace: String
  ) -> Istio.VirtualService {
    var spec = written
    let host = { (text: String) in
      resolveShortName(text, namespace: namespace, settings: settings)
    }
    let gateway = { (text: String) in completeGateway(text, namespace: namespace) }
    spec.hosts = spec.hosts.map(host)
    spec.gateways = spec.gateways.map(gateway)
    for index in spec.http.indices {
      complete(&spec.http[index], host, gateway)
    }
    for index in spec.tcp.indices {
      for match in spec.tcp[index].match.indices {
        spec.tcp[index].match[match].gateways = spec.tcp[index].match[match].gateways.map(gateway)
      }
      for route in spec.tcp[index].route.indices {
        complete(&spec.tcp[index].route[route].destination, host)
      }
    }
    for index in spec.tls.indices {
      for match in spec.tls[index].match.indices {
        spec.tls[index].match[match].gateways = spec.tls[index].match[match].gateways.map(gateway)
      }
      for route in spec.tls[index].route.indices {
        complete(&spec.tls[index].route[route].destination, host)
      }
    }
    return spec
  }

  private func complete(
    _ route: inout Istio.HTTPRoute, _ host: (String) -> String, _ gateway: (String) -> String
  ) {
    for match in route.match.indices {
      route.match[match].gateways = route.match[match].gateways.map(gateway)
    }
    for index in route.route.indices { complete(&route.route[index].destination, host) }
    complete(&route.mirror, host)
    for index in route.mirrors.indices { complete(&route.mirrors[index].destination, host) }
  }

  private func complete(_ destination: inout Istio.Destination?, _ host: (String) -> String) {
    if let written = destination?.host { destination?.host = host(written) }
  }

  /// `name` is `namespace/name`; `mesh` stays; the old form `name.namespace.svc…` is read too.
  private func completeGateway(_ written: String, namespace: String) -> String {
    if written == VirtualServiceIndex.mesh || written.contains("/") {
      return written.hasPrefix("./") ? namespace + written.dropFirst(1) : written
    }
    guard written.contains(".") else { return "\(namespace)/\(written)" }
    let parts = written.split(separator: ".", omittingEmptySubsequences: false)
    return "\(parts[1])/\(parts[0])"
  }
}

extension ConfigObject<Istio.VirtualService> {
  /// Whether what it says depends on other objects.
  fileprivate var hasDelegates: Bool { spec.http.contains { $0.delegate != nil } }
}
