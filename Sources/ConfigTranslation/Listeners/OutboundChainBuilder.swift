// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// Makes the chains of one port of a service at one place.
struct OutboundChainBuilder {
  let context: ProxyContext
  let environment: Shared<FilterEnvironment>
  /// Those that route connections, of any host.
  let virtualServices: [ResolvedVirtualService]
  let service: MeshService
  let port: ServicePort
  /// The main address of the listener.
  let address: String
  /// The ranges that tell the service from others there.
  let destinations: [String]
  /// Whether they are those of one Pod.
  let isPod: Bool
  /// The address that stands for all of the machine.
  let wildcard: String

  /// The chain for requests; `sniffs` where others are told from them by their first bytes.
  func requests(sniffs: Bool = false) -> OutboundChain {
    let routes: String
    if port.number == 0 {
      routes = address
    } else if port.protocol.isSniffed, address != wildcard {
      routes = "\(service.hostname):\(port.number)"
    } else {
      routes = "\(port.number)"
    }
    // The prefix of statistics has the listener's name, which is known later.
    var manager = HTTPConnectionManagerInputs(
      environment: environment, trafficClass: .sidecarOutbound, statPrefix: "",
      routes: .discovered(routes), portProtocol: port.protocol)
    if isDynamicWildcard {
      manager.dynamicHost = service.hostname.text
      manager.lookupFamily = context.addressFamilies.lookupFamily.ofForwardProxy
    }
    var chain = OutboundChain(content: .requests(manager))
    if sniffs {
      chain.applicationProtocols = environment.value.plaintextALPNs
      chain.transportProtocol = "raw_buffer"
    }
    return chain
  }

  /// The chains for connections.
  func connections() -> [OutboundChain] { port.protocol.isTLS ? tlsChains() : tcpChains() }

  /// Whether the proxy resolves the names that the service's wildcard host covers.
  private var isDynamicWildcard: Bool {
    service.hostname.isWildcard && service.resolution == .dynamicDNS
  }

  private var ownVirtualServices: [ResolvedVirtualService] {
    virtualServices.filter { virtualService in
      virtualService.spec.hosts.contains { Hostname(valid: $0).matches(service.hostname) }
    }
  }

  private func tlsChains() -> [OutboundChain] {
    var chains: [OutboundChain] = []
    var handled: Set<[[String]]> = []
    // A match's subnets stay for those behind it that have none: as in istiod.
    var destinations = self.destinations
    for virtualService in ownVirtualServices {
      for route in virtualService.spec.tls where !route.route.isEmpty {
        for match in route.match where context.reaches(match, port: port.number) {
          if !match.destinationSubnets.isEmpty, port.number > 0 {
            destinations = match.destinationSubnets
          }
          // Matches with equal SNI and subnets: only the first can be reached.
          guard handled.insert([match.sniHosts, match.destinationSubnets]).inserted else {
            continue
          }
          chains.append(
            OutboundChain(
              serverNames: match.sniHosts, destinations: destinations,
              source: virtualService.object.key,
              content: .connections(stack(route.route, of: virtualService))))
        }
      }
    }
    if chains.isEmpty {
      chains.append(
        OutboundChain(
          serverNames: ownServerNames, destinations: destinations,
          content: .connections(ownStack())))
    }
    return chains
  }

  /// The SNI that tells the service from others at its place: needed where the address does not.
  private var ownServerNames: [String] {
    var own = context.address(of: service)
    if own.contains("/") { own = "" }
    if service.registry == .external, context.addressFamilies.isIPv6Only, own == unspecifiedAddress
    {
      own = "::"
    }
    let isShared = !destinations.isEmpty || own.isEmpty || own == wildcard && address == wildcard
    guard !isPod, isShared || isDynamicWildcard else { return [] }
    let names = AlternativeNames(context)
    return [service.hostname.text]
      + service.aliases.map(\.hostname.text).flatMap { [$0] + names.alternatives(of: $0) }
  }

  private func tcpChains() -> [OutboundChain] {
    var chains: [OutboundChain] = []
    var isCovered = false
    for virtualService in ownVirtualServices {
      for route in virtualService.spec.tcp where !route.route.isEmpty {
        let reached = route.match.filter { context.reaches($0, port: port.number) }
        let catchesAll =
          route.match.isEmpty
          || reached.contains { $0.destinationSubnets.isEmpty || port.number == 0 }
        let content = OutboundChain.Content.connections(stack(route.route, of: virtualService))
        if catchesAll {
          chains.append(
            OutboundChain(
              destinations: destinations, source: virtualService.object.key, content: content))
          return chains
        }
        let subnets = reached.flatMap(\.destinationSubnets)
        guard !subnets.isEmpty else { continue }
        chains.append(OutboundChain(destinations: subnets, content: content))
        if subnets.sorted() == destinations.sorted() { isCovered = true }
      }
    }
    if !isCovered {
      chains.append(
        OutboundChain(destinations: destinations, content: .connections(ownStack())))
    }
    return chains
  }

  /// The service itself: where it has one port only, that one, whatever the listener's is.
  private func ownStack() -> NetworkFilterStack {
    let number = service.ports.count == 1 ? service.ports[0].number : port.number
    let cluster = ClusterName(.outbound, port: number, host: service.hostname.text)
    var stack = stack(
      .cluster("\(cluster)"),
      statPrefix: context.outboundStatPrefix(
        service, host: service.hostname.text, port: number, cluster: "\(cluster)"),
      service: service, subset: "")
    if isDynamicWildcard {
      stack.dynamicHost = .init(
        host: service.hostname.text, port: port.number,
        family: context.addressFamilies.lookupFamily.ofForwardProxy)
    }
    return stack
  }

  /// The destinations of a VirtualService's route.
  private func stack(
    _ routes: [Istio.RouteDestination], of virtualService: ResolvedVirtualService
  ) -> NetworkFilterStack {
    let first = routes[0].destination ?? .init()
    let target = context.outbound.servicesByHost[Hostname(valid: first.host)]
    guard routes.count > 1 else {
      let cluster = context.destinationCluster(first, service: target, port: port.number)
      let prefix =
        target == nil
        ? cluster
        : context.outboundStatPrefix(
          target, host: first.host, subset: first.subset, port: port.number, portName: port.name,
          cluster: cluster)
      return stack(.cluster(cluster), statPrefix: prefix, service: target, subset: first.subset)
    }
    let weighted = routes.filter { $0.weight > 0 }.map { route in
      let destination = route.destination ?? .init()
      return TCPProxyInputs.WeightedCluster(
        name: context.destinationCluster(
          destination, service: context.outbound.servicesByHost[Hostname(valid: destination.host)],
          port: port.number),
        weight: UInt32(clamping: route.weight))
    }
    let meta = virtualService.meta
    return stack(
      .weighted(weighted), statPrefix: "\(meta.name).\(meta.namespace)", service: target, subset: ""
    )
  }

  private func stack(
    _ target: TCPProxyInputs.Target, statPrefix: String, service: MeshService?, subset: String
  ) -> NetworkFilterStack {
    var proxy = TCPProxyInputs(target, statPrefix: statPrefix)
    let rule = service.flatMap {
      context.outbound.destinationRule(for: $0.hostname, workload: context.node.labels)?.rule
    }
    let tcp = rule?.trafficPolicy?.connectionPool?.tcp
    proxy.idleTimeout = tcp?.idleTimeout ?? environment.value.idleTimeout
    proxy.maxDuration = tcp?.maxConnectionDuration
    proxy.hashesSourceIP = rule?.hashesSourceIP(subset: subset) ?? false
    proxy.tunnel = rule?.tunnel(subset: subset)
    return NetworkFilterStack(
      trafficClass: .sidecarOutbound, proxy: proxy, portProtocol: port.protocol)
  }
}
