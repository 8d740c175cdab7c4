// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// Gathers where the connections of a gateway's server go that are not routed by requests.
struct GatewayConnections {
  /// The ALPN of mutual TLS between workloads.
  private static let meshProtocols = [
    "istio-peer-exchange", "istio", "istio-http/1.0", "istio-http/1.1", "istio-h2",
  ]

  private let context: ProxyContext
  private let environment: FilterEnvironment
  private let server: GatewayServer

  init(_ context: ProxyContext, environment: FilterEnvironment, server: GatewayServer) {
    self.context = context
    self.environment = environment
    self.server = server
  }

  /// The filters of the first TCP route that is for the server; nil where there is none.
  func terminatedStack() -> NetworkFilterStack? {
    for rule in rules {
      for route in rule.spec.tcp {
        let isFor =
          route.match.isEmpty
          || route.match.contains { applies(port: $0.port, gateways: $0.gateways) }
        guard isFor, !route.route.isEmpty else { continue }
        return stack(route.route, of: rule)
      }
      guard isOfTLSRoute(rule) else { continue }
      for route in rule.spec.tls where !route.route.isEmpty {
        let isFor = route.match.contains { applies(port: $0.port, gateways: $0.gateways) }
        if isFor { return stack(route.route, of: rule) }
      }
    }
    return nil
  }

  /// A chain for each match of TLS routes; a name that another match has taken leaves it out.
  func passthroughChains(taking names: inout [String: String]) -> [GatewayChain] {
    var chains: [GatewayChain] = []
    for rule in rules {
      for route in rule.spec.tls where !route.route.isEmpty {
        for match in route.match where applies(port: match.port, gateways: match.gateways) {
          let bind = server.server.bind
          guard !match.sniHosts.contains(where: { names[$0] == bind }) else { continue }
          for name in match.sniHosts { names[name] = bind }
          chains.append(
            GatewayChain(
              serverNames: match.sniHosts, content: .connections(stack(route.route, of: rule))))
        }
      }
    }
    return chains
  }

  /// A chain for each cluster that SNI may name, of the services that the server's hosts allow.
  func clusterChains() -> [GatewayChain] {
    let hosts = server.serverNames.map { Hostname(valid: $0) }
    let allowed = context.outbound.services.filter { service in
      !service.isMeshExternal && hosts.contains { service.hostname.isSubset(of: $0) }
    }
    return allowed.flatMap { service in
      service.ports.filter { $0.protocol != .udp }.flatMap { clusterChains(of: service, port: $0) }
    }
  }

  private func clusterChains(of service: MeshService, port: ServicePort) -> [GatewayChain] {
    let rule = rule(of: service)
    return ([""] + (rule?.subsets.map(\.name) ?? [])).map { subset in
      let name = ClusterName(
        .outbound, port: port.number, subset: subset, host: service.hostname.text
      ).serverName
      let prefix = context.outboundStatPrefix(
        service, host: service.hostname.text, subset: subset, port: port.number,
        portName: port.name, cluster: name)
      var stack = stack(.cluster(name), statPrefix: prefix, rule: rule, subset: subset)
      stack.proxy.tunnel = nil
      stack.portProtocol = port.protocol
      stack.exchangesMetadata = false
      return GatewayChain(
        serverNames: [name], applicationProtocols: Self.meshProtocols,
        content: .connections(stack))
    }
  }

  /// The VirtualServices that are bound to the server's Gateway and have one of its hosts.
  private var rules: [ResolvedVirtualService] {
    context.mesh.virtualServices.bound(
      to: server.gatewayName, visibleIn: context.node.namespace
    ).filter { rule in
      let hosts = server.hosts(for: rule.meta.namespace)
      return rule.spec.hosts.contains { text in
        hosts.contains { $0.matches(Hostname(valid: text)) }
      }
    }
  }

  private func applies(port: UInt32, gateways: [String]) -> Bool {
    (port == 0 || port == server.portNumber)
      && (gateways.isEmpty || gateways.contains(server.gatewayName))
  }

  /// Whether the Gateway API's TLSRoute made a rule, for TLS that ends here.
  private func isOfTLSRoute(_ rule: ResolvedVirtualService) -> Bool {
    rule.meta.annotations["internal.istio.io/parents"]?.hasPrefix("TLSRoute/") == true
  }

  private func rule(of service: MeshService?) -> Istio.DestinationRule? {
    service.flatMap {
      context.outbound.destinationRule(for: $0.hostname, workload: context.node.labels)?.rule
    }
  }

  private func stack(
    _ routes: [Istio.RouteDestination], of rule: ResolvedVirtualService
  ) -> NetworkFilterStack {
    let services = context.outbound.servicesByHost
    let number = server.portNumber
    let clusters = routes.map { route in
      let destination = route.destination ?? .init()
      return context.destinationCluster(
        destination, service: services[Hostname(valid: destination.host)], port: number)
    }
    let first = routes[0].destination ?? .init()
    let target = services[Hostname(valid: first.host)]
    let destinationRule = self.rule(of: target)
    guard routes.count > 1 else {
      let prefix =
        target == nil
        ? clusters[0]
        : context.outboundStatPrefix(
          target, host: first.host, subset: first.subset, port: number,
          portName: server.server.port?.name ?? "", cluster: clusters[0])
      return stack(
        .cluster(clusters[0]), statPrefix: prefix, rule: destinationRule, subset: first.subset)
    }
    let weighted = zip(routes, clusters).filter { $0.0.weight > 0 }.map {
      TCPProxyInputs.WeightedCluster(name: $0.1, weight: UInt32(clamping: $0.0.weight))
    }
    return stack(
      .weighted(weighted), statPrefix: "\(rule.meta.name).\(rule.meta.namespace)",
      rule: destinationRule, subset: "")
  }

  private func stack(
    _ target: TCPProxyInputs.Target, statPrefix: String, rule: Istio.DestinationRule?,
    subset: String
  ) -> NetworkFilterStack {
    var proxy = TCPProxyInputs(target, statPrefix: statPrefix)
    let tcp = rule?.trafficPolicy?.connectionPool?.tcp
    proxy.idleTimeout = tcp?.idleTimeout ?? environment.idleTimeout
    proxy.maxDuration = tcp?.maxConnectionDuration
    proxy.hashesSourceIP = rule?.hashesSourceIP(subset: subset) ?? false
    proxy.tunnel = rule?.tunnel(subset: subset)
    return NetworkFilterStack(
      trafficClass: .gateway, proxy: proxy, portProtocol: server.portProtocol,
      exchangesMetadata: server.server.tls?.mode == .istioMutual)
  }
}
