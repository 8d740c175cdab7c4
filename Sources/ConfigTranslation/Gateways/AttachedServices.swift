// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// Which clusters of services a proxy gets.
struct ServiceClusterKinds: Hashable, Sendable {
  /// Whether there are those by which TLS is sent on unopened.
  var forwardsUnopened: Bool
  /// The services that others are for; nil for all.
  var attached: AttachedServices?
}

/// The services that a gateway sends to.
struct AttachedServices: Hashable, Sendable {
  /// The hosts, of any namespace.
  var hosts: Set<Hostname> = []
  /// The services that are named with their namespaces.
  var services: Set<ServiceKey> = []

  /// Whether a service is among them.
  func contains(_ service: MeshService) -> Bool {
    hosts.contains(service.hostname) || services.contains(service.key)
  }

  /// Adds `host` or `namespace/host`.
  fileprivate mutating func add(_ written: String) {
    guard let slash = written.firstIndex(of: "/") else {
      hosts.insert(Hostname(valid: written))
      return
    }
    let host = Hostname(valid: String(written[written.index(after: slash)...]))
    services.insert(ServiceKey(host, namespace: String(written[..<slash])))
  }
}

extension ProxyContext {
  /// The services that VirtualServices of the proxy's Gateways and providers of the mesh name, where
  /// gateways get clusters of no others (`PILOT_FILTER_GATEWAY_CLUSTER_CONFIG`); nil where they get
  /// all.
  var attachedServices: AttachedServices? {
    guard settings.feature("PILOT_FILTER_GATEWAY_CLUSTER_CONFIG", default: false) else {
      return nil
    }
    let isScoped = settings.feature("PILOT_SCOPE_GATEWAY_TO_NAMESPACE", default: false)
    var attached = AttachedServices()
    for service in settings.mesh.extensionProviders.compactMap(\.service) {
      attached.add(service)
    }
    for gateway in gateways.names {
      let namespace = gateway.split(separator: "/").first.map(String.init)
      for rule in mesh.virtualServices.bound(to: gateway) {
        let destinations = rule.spec.destinations(from: isScoped ? namespace : nil)
        attached.hosts.formUnion(destinations.map(\.0))
      }
    }
    return attached
  }
}

extension Istio.Mesh.MeshConfig.ExtensionProvider {
  /// The service that the provider is, as it is written; nil where it is none.
  fileprivate var service: String? {
    switch provider {
    case .envoyExtAuthzHttp(let provider)?: provider.service
    case .envoyExtAuthzGrpc(let provider)?: provider.service
    case .zipkin(let provider)?: provider.service
    case .datadog(let provider)?: provider.service
    case .skywalking(let provider)?: provider.service
    case .opentelemetry(let provider)?: provider.service
    case .envoyHttpAls(let provider)?: provider.service
    case .envoyTcpAls(let provider)?: provider.service
    case .envoyOtelAls(let provider)?: provider.service
    case .sds(let provider)?: provider.service
    default: nil
    }
  }
}
