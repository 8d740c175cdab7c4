// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel

/// All that a listener for traffic to the workload is made of: `virtualInbound`, or one that binds
/// a port of its own.
struct InboundListenerInputs: ResourceInputs {
  static let type = ResourceType.listener

  /// The listener's name.
  var name: String
  /// What all listeners of the proxy share.
  var environment: Shared<FilterEnvironment>
  /// The addresses, the main one first.
  var addresses: [String]
  /// The port.
  var port: UInt32
  /// Whether it binds a port of the machine, rather than take what is redirected.
  var bindsPort: Bool
  /// Whether the client's address is kept (TPROXY).
  var isTransparent = false
  /// Whether connections are spread evenly over threads (`INBOUND_LISTENER_EXACT_BALANCE`).
  var isBalanced = false
  /// How many connections are accepted at once.
  var maxConnectionsPerEvent: UInt32?
  /// How long it is waited for a client's first bytes.
  var detectionTimeout: Duration?
  /// The server's side of mutual TLS; nil where the proxy has no certificates.
  var tls: WorkloadTLSInputs?
  /// The ports, those that no service has before others.
  var ports: [InboundPort]

  func make(in arena: Arena) -> Envoy.Listener {
    let listener = Envoy.Listener(arena)
    listener.name = name
    listener.address = .socket(arena, addresses[0], port: port)
    for address in addresses.dropFirst() {
      listener.additionalAddresses.append(.init(arena, address, port: port))
    }
    listener.trafficDirection = .inbound
    listener.continueOnListenerFiltersTimeout = true
    listener.maxConnectionsToAcceptPerSocketEvent = maxConnectionsPerEvent
    if isBalanced { listener.balanceExactly() }
    if isTransparent { listener.transparent = true }
    listener.accessLog = .init(
      environment.value.accessLogs.make(for: .sidecarInbound, at: .listener, in: arena))
    if !bindsPort { listener.filterChains.append(blackHole(in: arena)) }
    for port in ports {
      listener.filterChains.append(contentsOf: port.chains(self, in: arena))
    }
    addListenerFilters(to: listener)
    listener.listenerFiltersTimeout = detectionTimeout
    return listener
  }

  /// Connections to the listener's own port would come back for ever.
  private func blackHole(in arena: Arena) -> Envoy.FilterChain {
    Envoy.FilterChain(arena) { chain in
      chain.name = "virtualInbound-blackhole"
      chain.filterChainMatch = chain.make(Envoy.FilterChainMatch.self) {
        $0.destinationPort = port
      }
      var proxy = TCPProxyInputs(cluster: ClusterName.blackHole)
      proxy.isLogged = false
      let stack = NetworkFilterStack(
        trafficClass: .sidecarInbound, proxy: proxy, exchangesMetadata: true)
      chain.filters = .init(stack.make(environment.value, in: arena))
    }
  }

  private func addListenerFilters(to listener: Envoy.Listener) {
    let arena = listener.arena
    if !bindsPort {
      listener.listenerFilters.append(.originalDestination(arena))
      if isTransparent { listener.listenerFilters.append(.originalSource(arena)) }
    }
    let inspected = InspectedPorts(listener.filterChains)
    if let filter = inspected.tlsInspector(in: arena) { listener.listenerFilters.append(filter) }
    if let filter = inspected.httpInspector(in: arena) { listener.listenerFilters.append(filter) }
  }
}

/// Which ports need which inspector; 0 stands for the ports that no service has.
private struct InspectedPorts {
  private var all: Set<UInt32> = []
  private var tls: Set<UInt32> = []
  private var http: Set<UInt32> = []

  init(_ chains: some Sequence<Envoy.FilterChain>) {
    for chain in chains {
      let match = chain.filterChainMatch
      let port = match?.destinationPort ?? 0
      all.insert(port)
      if match?.transportProtocol == "tls" { tls.insert(port) }
      if match?.applicationProtocols.contains(where: { $0 == "http/1.1" || $0 == "h2c" }) == true {
        http.insert(port)
      }
    }
  }

  /// Off where it is not needed; where it is not needed by default, on only where it is.
  func tlsInspector(in arena: Arena) -> Envoy.ListenerFilter? {
    guard !tls.isEmpty else { return nil }
    let filter = Envoy.ListenerFilter.tlsInspector(arena)
    let listed = tls.contains(0) ? all.subtracting(tls) : tls
    guard !listed.isEmpty else { return filter }
    filter.filterDisabled =
      tls.contains(0)
      ? .ports(listed.sorted(), in: arena) : .notPorts(listed.sorted(), in: arena)
    return filter
  }

  func httpInspector(in arena: Arena) -> Envoy.ListenerFilter? {
    guard !http.isEmpty else { return nil }
    let filter = Envoy.ListenerFilter.httpInspector(arena)
    let disabled = all.subtracting(http).sorted()
    if !disabled.isEmpty { filter.filterDisabled = .ports(disabled, in: arena) }
    return filter
  }
}

extension Envoy.Listener {
  /// Spreads connections evenly over threads.
  func balanceExactly() {
    connectionBalanceConfig = make(Envoy.Listener.ConnectionBalanceConfig.self) { balance in
      balance.exactBalance = .init(balance.arena)
    }
  }
}

extension Envoy.AdditionalAddress {
  /// A further address of a listener.
  init(_ arena: Arena, _ address: String, port: UInt32) {
    self.init(arena) { $0.address = .socket(arena, address, port: port) }
  }
}
