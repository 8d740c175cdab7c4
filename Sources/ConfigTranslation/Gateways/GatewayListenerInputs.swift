// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel

/// All that a listener of a gateway is made of.
struct GatewayListenerInputs: ResourceInputs {
  static var type: ResourceType { .listener }

  /// What all listeners of the proxy share.
  var environment: Shared<FilterEnvironment>
  /// The addresses, the main one first.
  var addresses: [String]
  /// The port.
  var port: UInt32
  /// Whether it is for HTTP/3, over UDP.
  var isQUIC = false
  /// Whether a load balancer before the gateway says by the PROXY protocol who the client is.
  var readsProxyProtocol = false
  /// Whether connections are spread evenly over threads (`OUTBOUND_LISTENER_EXACT_BALANCE`).
  var isBalanced = false
  /// How many connections are accepted at once.
  var maxConnectionsPerEvent: UInt32?
  /// How long a handshake may take.
  var connectTimeout: Duration?
  /// The chains, of which there is at least one.
  var chains: [GatewayChain] = []

  var name: String { "\(isQUIC ? "udp_" : "")\(addresses[0])_\(port)" }

  func make(in arena: Arena) -> Envoy.Listener {
    Envoy.Listener(arena) { listener in
      listener.name = name
      listener.address = .socket(arena, addresses[0], port: port)
      for address in addresses.dropFirst() {
        listener.additionalAddresses.append(.init(arena, address, port: port))
      }
      if isQUIC { setUDP(listener) }
      listener.trafficDirection = .outbound
      listener.maxConnectionsToAcceptPerSocketEvent = maxConnectionsPerEvent
      if let limit = environment.value.connections?.listenerPerConnectionBufferLimitBytes {
        listener.perConnectionBufferLimitBytes = UInt32(exactly: limit)
      }
      if isBalanced { listener.balanceExactly() }
      listener.accessLog = .init(
        environment.value.accessLogs.make(for: .gateway, at: .listener, in: arena))
      if readsProxyProtocol { listener.listenerFilters.append(.proxyProtocol(arena)) }
      if !isQUIC, chains.contains(where: \.needsTLSInspector) {
        listener.listenerFilters.append(.tlsInspector(arena))
      }
      for chain in chains {
        let message = chain.make(environment.value, in: arena)
        message.transportSocketConnectTimeout = connectTimeout
        listener.filterChains.append(message)
      }
    }
  }

  private func setUDP(_ listener: Envoy.Listener) {
    listener.address?.socketAddress?.protocol = .udp
    for additional in listener.additionalAddresses {
      additional.address?.socketAddress?.protocol = .udp
    }
    listener.udpListenerConfig = listener.make(Envoy.UdpListenerConfig.self) {
      $0.quicOptions = $0.make(Envoy.ListenerQuicProtocolOptions.self)
      $0.downstreamSocketConfig = $0.make(Envoy.UdpSocketConfig.self)
    }
  }
}

/// One filter chain of a gateway's listener.
struct GatewayChain: Hashable, Sendable {
  /// What becomes of the traffic.
  enum Content: Hashable, Sendable {
    case requests(HTTPConnectionManagerInputs)
    case connections(NetworkFilterStack)
  }

  /// The SNI that it is for; empty, or with `*`, for all.
  var serverNames: [String] = []
  /// The ALPN that it is for; empty for all.
  var applicationProtocols: [String] = []
  /// The TLS that ends here.
  var tls: ServerTLSInputs?
  var content: Content

  var needsTLSInspector: Bool { !serverNames.isEmpty || tls != nil }

  fileprivate var matchesAllNames: Bool { serverNames.isEmpty || serverNames.contains("*") }

  private var matchesAll: Bool {
    matchesAllNames && applicationProtocols.isEmpty
  }

  fileprivate func make(_ environment: FilterEnvironment, in arena: Arena) -> Envoy.FilterChain {
    Envoy.FilterChain(arena) { chain in
      if !matchesAll {
        chain.filterChainMatch = chain.make(Envoy.FilterChainMatch.self) { match in
          match.applicationProtocols = .init(applicationProtocols)
          if !serverNames.contains("*") { match.serverNames = .init(serverNames.sorted()) }
        }
      }
      if let tls {
        chain.transportSocket = tls.transportSocket(in: arena)
      }
      switch content {
      case .requests(let manager): chain.filters = [manager.filter(in: arena)]
      case .connections(let stack): chain.filters = .init(stack.make(environment, in: arena))
      }
    }
  }
}

extension [GatewayChain] {
  /// Takes away what an earlier chain matches: such as a plain server's on the port of one with TLS
  /// for all hosts, or hosts of `AUTO_PASSTHROUGH` that overlap.
  mutating func dropUnreachable() {
    var taken = TakenMatches()
    self = compactMap { chain in
      let names = chain.matchesAllNames ? [] : chain.serverNames
      let others = chain.applicationProtocols.sorted()
      guard let left = taken.take(names: names, others: others) else { return nil }
      guard !names.isEmpty else { return chain }
      var chain = chain
      chain.serverNames = left.names
      return chain
    }
  }
}
