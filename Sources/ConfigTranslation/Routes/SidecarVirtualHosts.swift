// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// Builds the virtual hosts of a sidecar's port, or of all ports (0), from one egress listener.
///
/// Each VirtualService and each service is looked at by itself, from its own key: of a thousand
/// services only those that differ are looked at again.
struct SidecarVirtualHosts {
  /// Virtual hosts that share routes.
  private struct Group {
    var port: UInt32
    var services: [MeshService]
    /// Hosts that no service has.
    var hosts: [String] = []
    var routes: [RoutePlan]
  }

  /// The class of the proxy.
  private let context: ProxyContext
  private let proxy: Shared<OutboundClass>
  private let ofServices: Shared<OutboundClass>
  private let egress: EgressScope
  private let scope: ListenerScope
  private let port: UInt32
  private let countsAttempts: Bool
  private let listening: PortServices

  /// The virtual hosts of the `listener`-th egress listener.
  init(
    _ context: ProxyContext, proxy: Shared<OutboundClass>, listener: Int, port: UInt32,
    countsAttempts: Bool
  ) {
    self.context = context
    self.proxy = proxy
    ofServices = context.cache.interned(proxy.value.ofServices)
    let egress = context.outbound.egress[listener]
    self.egress = egress
    scope = ListenerScope(sidecar: context.outbound.sidecar?.key, listener: listener)
    self.port = port
    self.countsAttempts = countsAttempts
    let key = PortServicesKey(
      services: context.outbound.servicesTag, listener: listener, port: port)
    listening = context.cache.gathered.portServices.value(key) {
      PortServices(egress, port: port, context.cache.gathered)
    }
  }

  private var services: [MeshService] { listening.services }
  private var byHost: [Hostname: MeshService] { listening.byHost }

  /// The virtual hosts, in order of VirtualServices and then of services.
  func build() -> [EncodedVirtualHost] {
    var candidates: [VirtualHostCandidate] = []
    var ruled: Set<Hostname> = []
    for rule in applicable {
      let found = ruleHosts(of: rule)
      candidates += found.candidates
      ruled.formUnion(found.services)
    }
    for (service, own) in zip(services, ownHosts) where !ruled.contains(service.hostname) {
      candidates += own
    }
    let hosts = candidates.settled()
    return port == 0 ? merged(hosts, candidates) : hosts
  }

  /// On a configuration of all ports, only port 80 may be asked for without a port.
  private func merged(
    _ hosts: [EncodedVirtualHost], _ candidates: [VirtualHostCandidate]
  ) -> [EncodedVirtualHost] {
    let ports = Dictionary(candidates.map { ($0.host.plan.name, $0.port) }) { first, _ in first }
    return hosts.compactMap { host in
      guard ports[host.plan.name] != 80 else { return host }
      var plan = host.plan
      plan.domains.removeAll { !$0.contains(":") }
      return plan.domains.isEmpty ? nil : EncodedVirtualHost(plan)
    }
  }

  private var ignoresPort: Bool { !context.node.isProxyless && port != 0 }

  private func candidate(
    _ host: String, _ service: MeshService?, _ group: Group, seenBy context: ProxyContext
  ) -> VirtualHostCandidate {
    let name = joinHostPort(host, group.port)
    var plan = VirtualHostPlan(
      name: name, domains: [], routes: group.routes, includesAttemptCount: countsAttempts,
      session: service.flatMap(context.session))
    guard let service else {
      let plain = host.contains(":") ? "[\(host)]" : host
      plan.domains = context.node.isProxyless ? [plain, name] : [plain]
      return VirtualHostCandidate(plan, port: group.port)
    }
    let domains = VirtualHostDomains(
      service, addresses: context.routedAddresses(of: service, onlyOne: port != 0),
      names: AlternativeNames(context, port: ignoresPort ? nil : group.port))
    plan.domains = domains.all
    return VirtualHostCandidate(
      plan, port: group.port, made: Array(domains.made), fullNames: [host, name])
  }

  // MARK: VirtualServices

  private func ruleHosts(of rule: ResolvedVirtualService) -> RuleHosts {
    let hasPatterns = rule.hostnames.contains(where: \.isWildcard)
    let subject = RuleHostsSubject(
      rule: rule.object.key, proxy: proxy, scope: hasPatterns ? scope : nil, port: port,
      countsAttempts: countsAttempts)
    let key = RuleHostsKey(
      rule: rule, services: (rule.hostnames + rule.destinations).map { byHost[$0]?.identity },
      all: hasPatterns ? [listening.tag, context.outbound.virtualServicesTag] : [],
      destinationRules: context.outbound.destinationRulesTag)
    return context.cache.gathered.ruleHosts.value(subject, key) {
      let rules = VirtualServiceRules(
        context, gateways: [VirtualServiceIndex.mesh], port: port,
        lookup: { [byHost] in byHost[$0] })
      var found = RuleHosts()
      for group in groups(of: rule, rules) {
        found.candidates += group.hosts.map {
          candidate($0.lowercased(), nil, group, seenBy: context)
        }
        found.candidates += group.services.map {
          candidate($0.hostname.text, $0, group, seenBy: context)
        }
        found.services += group.services.map(\.hostname)
      }
      return found
    }
  }

  /// Without the VirtualServices that are for no service of the port; but on port 80, which is
  /// where hosts that no service has are served.
  private var applicable: [ResolvedVirtualService] {
    guard port != 80 else { return egress.virtualServices }
    return egress.virtualServices.filter { service in
      service.hostnames.contains(where: listening.concerns)
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

  // MARK: Services without rules

  /// The hosts of each service, in the order of the services.
  private var ownHosts: [[VirtualHostCandidate]] {
    let subject = OwnHostsSubject(
      proxy: proxy, scope: scope, port: port, countsAttempts: countsAttempts)
    let key = OwnHostsKey(
      services: listening.tag, destinationRules: context.outbound.destinationRulesTag)
    return context.cache.gathered.ownHosts.value(subject, key) { services.map(ownHosts) }
  }

  private func ownHosts(of service: MeshService) -> [VirtualHostCandidate] {
    guard service.resolution != .alias else { return [] }
    return service.ports.filter(\.protocol.isHTTPOrSniffed).map { port in
      let key = ServiceHostKey(
        service: service.identity, port: port, countsPort: !ignoresPort,
        isForAllPorts: self.port == 0, domain: domain(seenFrom: service),
        hash: context.hash(of: service, port: port.number),
        countsAttempts: countsAttempts, proxy: ofServices)
      return context.cache.gathered.serviceHosts.value(key) { ownHost(of: service, key) }
    }
  }

  private func ownHost(of service: MeshService, _ key: ServiceHostKey) -> VirtualHostCandidate {
    var shared = key.proxy.value
    shared.node.dnsDomain = key.domain
    let context = ProxyContext(context, as: shared)
    let plan = ServiceRoutePlan(
      cluster: ClusterName(.outbound, port: key.port.number, host: service.hostname.text),
      hash: key.hash, retries: context.settings.mesh.defaultHttpRetryPolicy,
      timeouts: .withoutRule(context.node))
    let group = Group(port: key.port.number, services: [service], routes: [.service(plan)])
    return candidate(service.hostname.text, service, group, seenBy: context)
  }

  /// The proxy's DNS domain; where it is `NAMESPACE.svc…` and the service is not named after that
  /// namespace, with `-` in its place, so that all other namespaces share the service's host.
  private func domain(seenFrom service: MeshService) -> String {
    let domain = context.node.dnsDomain
    guard let dot = domain.utf8.firstIndex(of: UInt8(ascii: ".")), domain[dot...].hasPrefix(".svc.")
    else { return domain }
    let own = domain.utf8[...dot]
    let hosts = [service.hostname] + service.aliases.map(\.hostname)
    let isOwn = hosts.contains { host in
      let bytes = host.text.utf8
      guard let first = bytes.firstIndex(of: UInt8(ascii: ".")) else { return false }
      let rest = bytes[bytes.index(after: first)...]
      return rest.prefix(own.count).elementsEqual(own)
        && rest.dropFirst(own.count).prefix(4).elementsEqual("svc.".utf8)
    }
    return isOwn ? domain : "-" + domain[dot...]
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
