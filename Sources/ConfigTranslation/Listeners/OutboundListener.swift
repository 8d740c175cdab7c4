// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel

/// All that a listener for traffic from the workload is made of, but for `virtualOutbound`.
struct OutboundListenerInputs: ResourceInputs {
  static let type = ResourceType.listener

  /// What all listeners of the proxy share.
  var environment: Shared<FilterEnvironment>
  /// The addresses, the main one first; a path for a Unix socket.
  var addresses: [String]
  /// The port; 0 for a Unix socket.
  var port: UInt32
  /// Whether it binds a port of the machine, rather than take what is redirected.
  var bindsPort: Bool
  /// Whether connections are spread evenly over threads (`OUTBOUND_LISTENER_EXACT_BALANCE`).
  var isBalanced = false
  /// How many connections are accepted at once, where it binds a port.
  var maxConnectionsPerEvent: UInt32?
  /// How long it is waited for a client's first bytes, where they are looked at.
  var detectionTimeout: Duration?
  /// How long a handshake may take.
  var connectTimeout: Duration?
  /// The chains.
  var chains: [OutboundChain]
  /// Where connections go that match no chain; nil for nowhere.
  var unmatched: TCPProxyInputs?

  var name: String { "\(addresses[0])_\(port)" }

  func make(in arena: Arena) -> Envoy.Listener {
    let listener = Envoy.Listener(arena)
    listener.name = name
    listener.address = .socket(arena, addresses[0], port: port)
    for address in addresses.dropFirst() where !address.isEmpty {
      listener.additionalAddresses.append(.init(arena, address, port: port))
    }
    listener.trafficDirection = .outbound
    listener.continueOnListenerFiltersTimeout = true
    if isBalanced { listener.balanceExactly() }
    if bindsPort {
      listener.maxConnectionsToAcceptPerSocketEvent = maxConnectionsPerEvent
    } else {
      listener.bindToPort = false
    }
    addListenerFilters(to: listener)
    addChains(to: listener)
    return listener
  }

  private func addListenerFilters(to listener: Envoy.Listener) {
    let arena = listener.arena
    if chains.contains(where: \.needsTLSInspector) {
      listener.listenerFilters.append(.tlsInspector(arena))
    }
    if chains.contains(where: { !$0.applicationProtocols.isEmpty }) {
      listener.listenerFilters.append(.httpInspector(arena))
      listener.listenerFiltersTimeout = detectionTimeout
    } else {
      listener.listenerFiltersTimeout = .zero
    }
  }

  /// What matches everything is the default, so that it serves what half matches another chain; a
  /// default alone is a chain as any.
  private func addChains(to listener: Envoy.Listener) {
    var standard: Envoy.FilterChain?
    for chain in chains {
      let message = chain.make(
        environment.value, connectTimeout: connectTimeout, in: listener.arena)
      if chain.matchesAll { standard = message } else { listener.filterChains.append(message) }
    }
    if let standard, listener.filterChains.isEmpty {
      listener.filterChains.append(standard)
    } else {
      listener.defaultFilterChain = standard ?? passthrough(in: listener.arena)
    }
  }

  private func passthrough(in arena: Arena) -> Envoy.FilterChain {
    Envoy.FilterChain(arena) { chain in
      chain.name = "PassthroughFilterChain"
      chain.filterChainMatch = .init(arena)
      guard let proxy = unmatched else { return }
      let stack = NetworkFilterStack(trafficClass: .sidecarOutbound, proxy: proxy)
      chain.filters = .init(stack.make(environment.value, in: arena))
    }
  }
}

/// All that `virtualOutbound` is made of: it hands redirected connections to the listener of their
/// destination, and serves those that have none.
struct VirtualOutboundInputs: ResourceInputs {
  static let type = ResourceType.listener

  /// What all listeners of the proxy share.
  var environment: Shared<FilterEnvironment>
  /// The addresses, the main one first.
  var addresses: [String]
  /// The port (`MeshConfig.proxyListenPort`).
  var port: UInt32
  /// Whether the client's address is kept (TPROXY).
  var isTransparent: Bool
  /// How many connections are accepted at once.
  var maxConnectionsPerEvent: UInt32?
  /// Where connections to unknown destinations go.
  var unknown: TCPProxyInputs

  var name: String { "virtualOutbound" }

  func make(in arena: Arena) -> Envoy.Listener {
    let listener = Envoy.Listener(arena)
    listener.name = name
    listener.address = .socket(arena, addresses[0], port: port)
    for address in addresses.dropFirst() {
      listener.additionalAddresses.append(.init(arena, address, port: port))
    }
    listener.useOriginalDst = true
    listener.trafficDirection = .outbound
    listener.maxConnectionsToAcceptPerSocketEvent = maxConnectionsPerEvent
    if isTransparent { listener.transparent = true }
    listener.filterChains.append(blackHole(in: arena))
    if environment.value.dynamicDNS != nil {
      listener.listenerFilters.append(.httpInspector(arena))
      listener.filterChains.append(unknownRequests(in: arena))
    }
    listener.filterChains.append(chain("virtualOutbound-catchall-tcp", unknown, in: arena))
    listener.accessLog = .init(
      environment.value.accessLogs.make(for: .sidecarOutbound, at: .listener, in: arena))
    return listener
  }

  private func chain(
    _ name: String, _ proxy: TCPProxyInputs, in arena: Arena
  ) -> Envoy.FilterChain {
    Envoy.FilterChain(arena) { chain in
      chain.name = name
      let stack = NetworkFilterStack(trafficClass: .sidecarOutbound, proxy: proxy)
      chain.filters = .init(stack.make(environment.value, in: arena))
    }
  }

  /// Connections to the listener's own port would come back for ever.
  private func blackHole(in arena: Arena) -> Envoy.FilterChain {
    var proxy = TCPProxyInputs(cluster: ClusterName.blackHole)
    proxy.isLogged = false
    let chain = chain("virtualOutbound-blackhole", proxy, in: arena)
    chain.filterChainMatch = chain.make(Envoy.FilterChainMatch.self) { $0.destinationPort = port }
    return chain
  }

  private func unknownRequests(in arena: Arena) -> Envoy.FilterChain {
    Envoy.FilterChain(arena) { chain in
      chain.name = "virtualOutbound-catchall-tcp-http"
      chain.filterChainMatch = chain.make(Envoy.FilterChainMatch.self) {
        $0.applicationProtocols = .init(environment.value.plaintextALPNs)
      }
      let manager = HTTPConnectionManagerInputs(
        environment: environment, trafficClass: .sidecarOutbound,
        statPrefix: "outbound_virtualOutbound_allow_any_dynamic_dns;", routes: .unknownHosts)
      chain.filters = [manager.filter(in: arena)]
    }
  }
}
