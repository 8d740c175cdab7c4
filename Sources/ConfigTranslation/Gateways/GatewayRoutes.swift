// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel
import ServiceDiscovery

/// Gathers the virtual hosts of one route configuration of a gateway.
struct GatewayRoutes {
  /// Where routes come from: virtual hosts with the same sources have the same routes.
  private struct Source: Hashable {
    var gateway: String
    var rule: ObjectKey
  }

  private struct Host {
    var name: String
    var domains: [String]
    var sources: [Source] = []
    /// The routes of each source, joined only once all are there.
    var routes: [[RoutePlan]] = []
    var requiresTLS = false
    var session: SessionPlan?
  }

  private let context: ProxyContext
  private let gateways: MergedGateways
  private let countsAttempts: Bool
  /// Whether responses tell clients that HTTP/3 is spoken on the port too.
  private var tellsOfHTTP3 = false
  private var hosts: [Hostname: Host] = [:]
  private var routes: [Source: [RoutePlan]] = [:]

  init(_ context: ProxyContext, gateways: MergedGateways) {
    self.context = context
    self.gateways = gateways
    countsAttempts = context.proxyHeaders?.attemptCount?.disabled != true
  }

  /// The route configuration `name`.
  func configuration(_ name: String) -> EncodedResource {
    let mesh = context.mesh
    let key = GatewayRoutesKey(
      name: name, gateways: context.gatewaysKey, proxy: context.ofClass.key,
      scope: ScopeKey(context.outbound), services: mesh.registry.servicesTag,
      rules: mesh.virtualServices.tag)
    return context.cache.gathered.gatewayRoutes.value(key) {
      var routes = self
      return context.cache.resource(routes.inputs(name))
    }
  }

  /// What the route configuration `name` is made of.
  mutating func inputs(_ name: String) -> RouteConfigurationInputs {
    var inputs = RouteConfigurationInputs(name: name)
    inputs.ignoresPort = !context.node.isProxyless
    tellsOfHTTP3 = gateways.routesOverQUIC.contains(name)
    guard let servers = gateways.serversByRoute[name], let first = servers.first else {
      // A listener that drains may still ask for routes of a Gateway that is gone.
      inputs.isUnknown = true
      return inputs
    }
    for server in servers {
      for service in context.mesh.virtualServices.bound(
        to: server.gatewayName, visibleIn: context.node.namespace)
      {
        add(service, to: server)
      }
      if server.server.tls?.httpsRedirect == true { addRedirects(of: server) }
    }
    let plans = hosts.isEmpty ? [blackHole(port: first.portNumber)] : collapsed().map(plan)
    inputs.virtualHosts = plans.sorted { $0.name < $1.name }.map(EncodedVirtualHost.init)
    return inputs
  }

  private mutating func add(_ service: ResolvedVirtualService, to server: GatewayServer) {
    let names = service.spec.hosts.map { Hostname(valid: $0) }
    let common = intersection(server.hosts(for: service.meta.namespace), names)
    guard !common.isEmpty else { return }
    let source = Source(gateway: server.gatewayName, rule: service.object.key)
    let found = routes[source] ?? makeRoutes(of: service, at: server)
    guard !found.isEmpty else { return }
    routes[source] = found
    let redirects = server.server.tls?.httpsRedirect == true
    for name in common {
      let key = Hostname(valid: name.text.lowercased())
      // In its place: a copy of a host with thousands of routes for each further one is too many.
      if hosts[key] == nil { hosts[key] = newHost(key, port: server.portNumber, service) }
      hosts[key]?.sources.append(source)
      hosts[key]?.routes.append(found)
      if redirects { hosts[key]?.requiresTLS = true }
    }
  }

  private func newHost(
    _ name: Hostname, port: UInt32, _ service: ResolvedVirtualService
  ) -> Host {
    var host = Host(name: joinHostPort(name.text, port), domains: [name.text])
    let isDestination = service.spec.http.contains { route in
      route.route.contains { $0.destination?.host == name.text } || route.mirror?.host == name.text
        || route.mirrors.contains { $0.destination?.host == name.text }
    }
    if isDestination {
      host.session = context.service(name, for: service).flatMap(context.session)
    }
    return host
  }

  private func makeRoutes(
    of service: ResolvedVirtualService, at server: GatewayServer
  ) -> [RoutePlan] {
    VirtualServiceRules(
      context, gateways: [server.gatewayName], port: server.portNumber,
      isTLS: server.server.tls != nil, tellsOfHTTP3: tellsOfHTTP3,
      lookup: { context.service($0, for: service) }
    ).routes(of: service)
  }

  /// Hosts without routes have one that only redirects.
  private mutating func addRedirects(of server: GatewayServer) {
    for text in server.server.hosts {
      let key = Hostname(valid: text.lowercased())
      var host =
        hosts[key]
        ?? Host(name: joinHostPort(key.text, server.portNumber), domains: [key.text])
      host.requiresTLS = true
      hosts[key] = host
    }
  }

  /// Hosts with the same routes as one virtual host, named after the most specific.
  private func collapsed() -> [Host] {
    guard context.settings.feature("PILOT_ENABLE_ROUTE_COLLAPSE_OPTIMIZATION", default: true) else {
      return Array(hosts.values)
    }
    var merged: [Host] = []
    var places: [[Source]: Int] = [:]
    for key in hosts.keys.sorted(by: { $0.isMoreSpecific(than: $1) }) {
      guard let host = hosts[key] else { continue }
      if let place = places[host.sources], merged[place].requiresTLS == host.requiresTLS {
        merged[place].domains += host.domains
      } else {
        places[host.sources] = merged.count
        merged.append(host)
      }
    }
    return merged
  }

  /// Catch-all routes of several VirtualServices stand behind all others.
  private func plan(_ host: Host) -> VirtualHostPlan {
    let routes = host.routes.joined()
    return VirtualHostPlan(
      name: host.name, domains: host.domains,
      routes: routes.filter { !$0.isCatchAll } + routes.filter(\.isCatchAll),
      includesAttemptCount: countsAttempts, requiresTLS: host.requiresTLS, session: host.session)
  }

  private func blackHole(port: UInt32) -> VirtualHostPlan {
    VirtualHostPlan(
      name: joinHostPort("blackhole", port), domains: ["*"], routes: [],
      includesAttemptCount: false)
  }
}

/// The hosts that two lists have in common: of two that overlap, the more specific.
func intersection(_ left: [Hostname], _ right: [Hostname]) -> [Hostname] {
  var common: [Hostname] = []
  for mine in left {
    for theirs in right {
      let host = mine.isSubset(of: theirs) ? mine : theirs.isSubset(of: mine) ? theirs : nil
      if let host, !common.contains(host) { common.append(host) }
    }
  }
  return common
}

extension ProxyContext {
  /// The service of a host that a VirtualService means: of its own namespace, else what the proxy
  /// sees.
  func service(_ host: Hostname, for rule: ResolvedVirtualService) -> MeshService? {
    if let own = mesh.registry.service(ServiceKey(host, namespace: rule.meta.namespace)),
      own.isVisible(in: node.namespace, settings: settings)
    {
      return own
    }
    return outbound.servicesByHost[host]
  }
}

/// What a route configuration of a gateway depends on.
struct GatewayRoutesKey: Hashable, Sendable {
  var name: String
  /// The Gateways, with the labels and services that they are selected by.
  var gateways: MergedGatewaysKey
  var proxy: Shared<OutboundClass>
  var scope: ScopeKey
  /// All services, of which those of a VirtualService's own namespace count first.
  var services: Tag
  /// All VirtualServices.
  var rules: Tag
}
