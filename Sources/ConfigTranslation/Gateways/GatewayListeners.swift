// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// Gathers the listeners of a gateway.
struct GatewayListeners {
  private let context: ProxyContext
  private let gateways: MergedGateways
  private let environment: Shared<FilterEnvironment>
  /// The SNI that TLS routes have taken, by port; each with the address that it was taken at.
  private var routedNames: [UInt32: [String: String]] = [:]

  init(_ context: ProxyContext, gateways: MergedGateways) {
    self.context = context
    self.gateways = gateways
    environment = Shared(context.filterEnvironment())
  }

  /// The listeners that have something to listen for.
  mutating func inputs() -> [GatewayListenerInputs] {
    var listeners: [GatewayListenerInputs] = []
    for servers in gateways.ports {
      if context.node.isTrue("UNPRIVILEGED_POD"), servers.port.number < 1024 { continue }
      add(chains(of: servers), of: servers.port, to: &listeners)
      guard !servers.overQUIC.isEmpty else { continue }
      let overQUIC = servers.overQUIC.compactMap { chain(of: $0, on: servers.port, isQUIC: true) }
      add(overQUIC, of: servers.port, isQUIC: true, to: &listeners)
    }
    for place in listeners.indices { listeners[place].chains.dropUnreachable() }
    return listeners.filter { !$0.chains.isEmpty }
  }

  private func add(
    _ chains: [GatewayChain], of port: MergedGateways.ServerPort, isQUIC: Bool = false,
    to listeners: inout [GatewayListenerInputs]
  ) {
    var listener = emptyListener(port, isQUIC: isQUIC)
    if let place = listeners.firstIndex(where: { $0.name == listener.name }) {
      listeners[place].chains += chains
    } else {
      listener.chains = chains
      listeners.append(listener)
    }
  }

  private func emptyListener(
    _ port: MergedGateways.ServerPort, isQUIC: Bool
  ) -> GatewayListenerInputs {
    let families = context.addressFamilies
    var addresses = families.wildcards
    if !families.isDualStackEnabled { addresses = Array(addresses.prefix(1)) }
    if !port.bind.isEmpty { addresses = [port.bind] }
    var listener = GatewayListenerInputs(
      environment: environment, addresses: addresses, port: port.number)
    listener.isQUIC = isQUIC
    listener.readsProxyProtocol =
      !isQUIC && context.proxyConfig.gatewayTopology?.proxyProtocol != nil
    listener.isBalanced = !isQUIC && context.node.isTrue("OUTBOUND_LISTENER_EXACT_BALANCE")
    listener.maxConnectionsPerEvent = context.settings.maxConnectionsPerEvent
    listener.connectTimeout = context.handshakeTimeout
    return listener
  }

  private mutating func chains(of servers: MergedGateways.Servers) -> [GatewayChain] {
    if PortProtocol(name: servers.port.protocol).isHTTP {
      let manager = manager(
        routes: servers.routeName, port: servers.port,
        speaking: PortProtocol(name: servers.port.protocol))
      return [GatewayChain(content: .requests(manager))]
    }
    var chains: [GatewayChain] = []
    for server in servers.servers {
      if server.isHTTPSTermination {
        if let chain = chain(of: server, on: servers.port) { chains.append(chain) }
      } else {
        chains += connectionChains(of: server, on: servers.port)
      }
    }
    return chains
  }

  /// The chain of a server whose TLS ends here before requests are routed.
  private func chain(
    of server: GatewayServer, on port: MergedGateways.ServerPort, isQUIC: Bool = false
  ) -> GatewayChain? {
    guard let tls = context.tls(of: server, isQUIC: isQUIC) else { return nil }
    var manager = manager(
      routes: server.routeName, port: port, speaking: server.portProtocol, isQUIC: isQUIC)
    if !server.server.name.isEmpty { manager.statPrefix = server.server.name }
    return GatewayChain(serverNames: server.serverNames, tls: tls, content: .requests(manager))
  }

  private func manager(
    routes: String, port: MergedGateways.ServerPort, speaking spoken: PortProtocol,
    isQUIC: Bool = false
  ) -> HTTPConnectionManagerInputs {
    var manager = HTTPConnectionManagerInputs(
      environment: environment, trafficClass: .gateway,
      statPrefix: "outbound_\(emptyListener(port, isQUIC: isQUIC).name);",
      routes: .discovered(routes), portProtocol: spoken)
    manager.isHTTP3 = isQUIC
    return manager
  }

  private mutating func connectionChains(
    of server: GatewayServer, on port: MergedGateways.ServerPort
  ) -> [GatewayChain] {
    let connections = GatewayConnections(context, environment: environment.value, server: server)
    if server.isAutoPassthrough { return connections.clusterChains() }
    if server.isPassthrough {
      return connections.passthroughChains(taking: &routedNames[port.number, default: [:]])
    }
    guard let stack = connections.terminatedStack() else { return [] }
    guard server.server.tls != nil else { return [GatewayChain(content: .connections(stack))] }
    guard let tls = context.tls(of: server) else { return [] }
    return [
      GatewayChain(serverNames: server.serverNames, tls: tls, content: .connections(stack))
    ]
  }
}

extension ProxyContext {
  /// The TLS that ends at a server; nil where the proxy has no certificate for it.
  fileprivate func tls(of server: GatewayServer, isQUIC: Bool = false) -> ServerTLSInputs? {
    guard let written = server.server.tls else { return nil }
    var tls = serverTLS(written)
    if isQUIC {
      tls.isQUIC = true
      tls.protocols = ["h3"]
    }
    if written.mode == .istioMutual {
      guard let workload = workloadTLS() else { return nil }
      tls.workload = workload
      let isTCP = !server.portProtocol.isHTTP && server.portProtocol != .https
      if isTCP, !settings.feature("PILOT_DISABLE_MX_ALPN", default: false) {
        tls.protocols.insert("istio-peer-exchange", at: 0)
      }
    }
    return tls
  }

  /// How long a client's handshake may take; nil for ever.
  fileprivate var handshakeTimeout: Duration? {
    let written = settings.features["PILOT_GATEWAY_TRANSPORT_SOCKET_CONNECT_TIMEOUT"]
    let timeout = written.flatMap(goDuration) ?? .seconds(15)
    return timeout == .zero ? nil : timeout
  }
}
