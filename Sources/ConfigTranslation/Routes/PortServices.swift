// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// The services of an egress listener that listen on a port, or all of them (port 0).
final class PortServices: Sendable {
  /// The services with that port alone, a host once: names before patterns.
  let services: [MeshService]
  let byHost: [Hostname: MeshService]
  /// The hosts that are patterns.
  let patterns: [Hostname]
  let tag = Tag()

  init(_ egress: EgressScope, port: UInt32, _ gathered: GatheredViews) {
    let listening = egress.services.compactMap { service in
      port == 0 ? service : gathered.service(service, listeningOn: port)
    }
    // Of several services of one host the youngest counts here, as in istiod.
    let byHost = Dictionary(listening.map { ($0.hostname, $0) }) { _, last in last }
    var seen: Set<Hostname> = []
    let hosts = listening.map(\.hostname).filter { seen.insert($0).inserted }
    patterns = hosts.filter(\.isWildcard)
    // Of two that share an address, the name is asked for by it.
    services = (hosts.filter { !$0.isWildcard } + patterns).compactMap { byHost[$0] }
    self.byHost = byHost
  }

  /// Whether a VirtualService's host is for some of these.
  func concerns(_ host: Hostname) -> Bool {
    if byHost[host] != nil { return true }
    if host.isWildcard { return services.contains { host.matches($0.hostname) } }
    return patterns.contains { host.matches($0) }
  }
}

extension GatheredViews {
  /// The service with only the port that clients connect to; nil where it has not that port.
  fileprivate func service(_ whole: MeshService, listeningOn number: UInt32) -> MeshService? {
    guard let port = whole.port(number: number) else { return nil }
    if whole.ports.count == 1 { return whole }
    return restricted.value(ServicePortKey(service: whole.identity, port: number)) {
      var service = whole
      service.ports = [port]
      return service
    }
  }
}

/// A service with one of its ports.
struct ServicePortKey: Hashable, Sendable {
  var service: MeshService.Identity
  var port: UInt32
}

/// What ``PortServices`` are made of: one of a scope's listeners, and a port.
struct PortServicesKey: Hashable, Sendable {
  var services: Tag
  var listener: Int
  var port: UInt32
}

/// What the virtual hosts of a service without rules depend on.
struct ServiceHostKey: Hashable, Sendable {
  var service: MeshService.Identity
  /// The service's port; not that of the configuration where this is for all ports.
  var port: ServicePort
  /// Whether requests are told apart by port too.
  var countsPort: Bool
  /// Whether the configuration is for all ports.
  var isForAllPorts: Bool
  /// The proxy's DNS domain, as far as it matters to the service.
  var domain: String
  /// What of requests is hashed.
  var hash: Istio.LoadBalancerSettings.ConsistentHashLB?
  var countsAttempts: Bool
  var proxy: Shared<OutboundClass>
}

/// What the virtual hosts of all services without rules depend on.
struct OwnHostsKey: Equatable, Sendable {
  var services: Tag
  var destinationRules: Tag
}

/// Whose virtual hosts they are: those of proxies of a class, on one port.
struct OwnHostsSubject: Hashable, Sendable {
  var proxy: Shared<OutboundClass>
  var scope: ListenerScope
  var port: UInt32
  var countsAttempts: Bool
}

/// What the virtual hosts of a VirtualService depend on, on one port.
struct RuleHostsKey: Equatable, Sendable {
  var rule: ResolvedVirtualService
  /// The services of its hosts and destinations.
  var services: [MeshService.Identity?]
  /// All services and VirtualServices, where it depends on these what a pattern is for.
  var all: [Tag]
  var destinationRules: Tag

  /// Whether both are of one VirtualService: as an object, since equal ones need not be one.
  static func == (left: RuleHostsKey, right: RuleHostsKey) -> Bool {
    left.rule === right.rule && left.services == right.services && left.all == right.all
      && left.destinationRules == right.destinationRules
  }
}

/// Whose virtual hosts they are: those of a VirtualService for proxies of a class, on one port.
struct RuleHostsSubject: Hashable, Sendable {
  var rule: ObjectKey
  var proxy: Shared<OutboundClass>
  /// Where it depends on all services what a pattern is for.
  var scope: ListenerScope?
  var port: UInt32
  var countsAttempts: Bool
}

/// A listener of a Sidecar, or of none.
struct ListenerScope: Hashable, Sendable {
  var sidecar: ObjectKey?
  var listener: Int
}
