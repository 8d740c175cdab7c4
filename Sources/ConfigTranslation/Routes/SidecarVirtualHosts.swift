// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// Builds the virtual hosts of a sidecar's port, or of all ports (0), from one egress listener.
struct SidecarVirtualHosts {
  /// Virtual hosts that share routes.
  private struct Group {
    var port: UInt32
    var services: [MeshService]
    /// Hosts that no service has.
    var hosts: [String] = []
    var routes: [RoutePlan]
  }

  private let context: ProxyContext
  private let egress: EgressScope
  private let port: UInt32
  private let countsAttempts: Bool
  /// The services that listen on the port, with that port alone.
  private let services: [MeshService]
  private let byHost: [Hostname: MeshService]
  private var names: Set<String> = []
  private var taken = TakenDomains(fullNames: [])

  init(_ context: ProxyContext, egress: EgressScope, port: UInt32, countsAttempts: Bool) {
    self.context = context
    self.egress = egress
    self.port = port
    self.countsAttempts = countsAttempts
    let listening = egress.services.compactMap { port == 0 ? $0 : $0.listening(on: port) }
    // Of several services of one host the youngest counts here, as in istiod.
    byHost = Dictionary(listening.map { ($0.hostname, $0) }) { _, last in last }
    var seen: Set<Hostname> = []
    let hosts = listening.map(\.hostname).filter { seen.insert($0).inserted }
    // Names before patterns: of two that share an address, the name is asked for by it.
    services = (hosts.filter { !$0.isWildcard } + hosts.filter(\.isWildcard)).compactMap {
      [byHost] in byHost[$0]
    }
  }

  /// The virtual hosts, in order of VirtualServices and then of services.
  mutating func build() -> [VirtualHostPlan] {
    let groups = self.groups()
    let full = groups.flatMap { group in
      group.services.flatMap { [$0.hostname.text, joinHostPort($0.hostname.text, group.port)] }
    }
    taken = TakenDomains(fullNames: Set(full))
    var hosts: [(port: UInt32, host: VirtualHostPlan)] = []
    for group in groups {
      for host in group.hosts {
        if let made = virtualHost(host.lowercased(), nil, group) {
          hosts.append((group.port, made))
        }
      }
      for service in group.services {
        if let made = virtualHost(service.hostname.text, service, group) {
          hosts.append((group.port, made))
        }
      }
    }
    return port == 0 ? merged(hosts) : hosts.filter { $0.port == port }.map(\.host)
  }

  /// On a configuration of all ports, only port 80 may be asked for without a port.
  private func merged(_ hosts: [(port: UInt32, host: VirtualHostPlan)]) -> [VirtualHostPlan] {
    hosts.compactMap { port, host in
      guard port != 80 else { return host }
      var host = host
      host.domains.removeAll { !$0.contains(":") }
      return host.domains.isEmpty ? nil : host
    }
  }

  private mutating func virtualHost(
    _ host: String, _ service: MeshService?, _ group: Group
  ) -> VirtualHostPlan? {
    let name = joinHostPort(host, group.port)
    guard names.insert(name).inserted else { return nil }
    let domains: [String]
    if let service {
      let ignoresPort = !context.node.isProxyless && port != 0
      let all = VirtualHostDomains(
        service, addresses: context.routedAddresses(of: service, onlyOne: port != 0),
        names: AlternativeNames(context, port: ignoresPort ? nil : group.port))
      domains = taken.take(all.all, made: all.made)
    } else {
      let plain = host.contains(":") ? "[\(host)]" : host
      domains = taken.take(context.node.isProxyless ? [plain, name] : [plain])
    }
    guard !domains.isEmpty else { return nil }
    return VirtualHostPlan(
      name: name, domains: domains, routes: group.routes, includesAttemptCount: countsAttempts,
      session: service.flatMap(context.session))
  }

  private func groups() -> [Group] {
    let rules = VirtualServiceRules(
      context, gateways: [VirtualServiceIndex.mesh], port: port, lookup: { byHost[$0] })
    var groups: [Group] = []
    for service in applicable { groups += self.groups(of: service, rules) }
    let ruled = Set(groups.flatMap { $0.services.map(\.hostname) })
    for service in services where !ruled.contains(service.hostname) {
      groups += ownGroups(of: service)
    }
    return groups
  }

  /// Without the VirtualServices that are for no service of the port; but on port 80, which is
  /// where hosts that no service has are served.
  private var applicable: [ResolvedVirtualService] {
    guard port != 80 else { return egress.virtualServices }
    let wildcards = byHost.keys.filter(\.isWildcard)
    return egress.virtualServices.filter { service in
      service.spec.hosts.contains { text in
        let host = Hostname(valid: text.lowercased())
        if byHost[host] != nil { return true }
        return (host.isWildcard ? Array(byHost.keys) : wildcards).contains { host.matches($0) }
      }
    }
  }

  private func groups(of service: ResolvedVirtualService, _ rules: VirtualServiceRules) -> [Group] {
    let routes = rules.routes(of: service)
    guard !routes.isEmpty else { return [] }
    var (hosts, found) = separate(service)
    if service.meta.routeSemantics == .gateway {
      let owner = service.meta.namespace
      found.removeAll { $0.namespace != owner && context.node.namespace != owner }
      if found.isEmpty { return [] }
    }
    var byPort: [UInt32: [MeshService]] = [:]
    for service in found {
      for port in service.ports where port.protocol.isHTTPOrSniffed {
        byPort[port.number, default: []].append(service)
      }
    }
    if byPort.isEmpty, port == 80 { byPort[80] = [] }
    return byPort.sorted { $0.key < $1.key }.map {
      Group(port: $0.key, services: $0.value, hosts: hosts, routes: routes)
    }
  }

  /// The hosts of a VirtualService that no service has, and the services of the others.
  private func separate(
    _ service: ResolvedVirtualService
  ) -> (hosts: [String], services: [MeshService]) {
    var hosts: [String] = []
    var found: [MeshService] = []
    let (wildcards, exact) = service.spec.hosts.partitioned { $0.hasPrefix("*") }
    for text in exact {
      if let known = byHost[Hostname(valid: text.lowercased())] {
        found.append(known)
      } else {
        hosts.append(text)
      }
    }
    for text in wildcards {
      let host = Hostname(valid: text.lowercased())
      let matching = services.filter { $0.hostname.matches(host) }
      if service.meta.routeSemantics == .gateway || matching.isEmpty {
        hosts.append(host.text)
      } else {
        found += matching.filter { egress.rule(mostSpecificFor: $0.hostname) == service.object.key }
      }
    }
    return (hosts, found)
  }

  private func ownGroups(of service: MeshService) -> [Group] {
    guard service.resolution != .alias else { return [] }
    return service.ports.filter(\.protocol.isHTTPOrSniffed).map { port in
      let plan = ServiceRoutePlan(
        cluster: ClusterName(.outbound, port: port.number, host: service.hostname.text),
        hash: context.hash(of: service, port: port.number),
        retries: context.settings.mesh.defaultHttpRetryPolicy,
        timeouts: .withoutRule(context.node))
      return Group(port: port.number, services: [service], routes: [.service(plan)])
    }
  }
}

extension MeshService {
  /// The service with only the port that clients connect to.
  fileprivate func listening(on number: UInt32) -> MeshService? {
    guard let port = port(number: number) else { return nil }
    var service = self
    service.ports = [port]
    return service
  }
}

extension EgressScope {
  /// The VirtualService whose host covers a service's most closely; the first of equals.
  fileprivate func rule(mostSpecificFor service: Hostname) -> ObjectKey? {
    var best: (host: Hostname, rule: ObjectKey)?
    for rule in virtualServices {
      for text in rule.spec.hosts {
        let host = Hostname(valid: text)
        let covers =
          host == service || host.isWildcard && service.text.hasSuffix(host.text.dropFirst())
        guard covers else { continue }
        if let known = best, known.host == service || !host.isMoreSpecific(than: known.host) {
          continue
        }
        best = (host, rule.object.key)
      }
    }
    return best?.rule
  }
}

extension Array {
  /// Those that meet a condition, and the others, each in order.
  fileprivate func partitioned(_ condition: (Element) -> Bool) -> ([Element], [Element]) {
    (filter(condition), filter { !condition($0) })
  }
}
