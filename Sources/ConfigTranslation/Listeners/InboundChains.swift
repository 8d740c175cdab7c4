// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel
import ServiceDiscovery

/// One way that connections to a port of the workload may begin, and what they are then.
struct InboundChainMatch: Hashable, Sendable {
  /// The ALPN of clients, or what sniffing found.
  var applicationProtocols: [String]
  /// `tls` or `raw_buffer`.
  var transportProtocol: String
  /// Whether requests are routed, not connections.
  var isHTTP: Bool
  /// Whether the proxy ends TLS.
  var endsTLS = false
}

/// The ways into a port, by its mode and by what it speaks.
struct InboundChainMatches {
  /// What sniffing calls plain HTTP.
  var plainHTTP: [String]

  private static let meshHTTP = ["istio-http/1.0", "istio-http/1.1", "istio-h2"]
  private static let mesh =
    ["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"]
  private static let tls = "tls"
  private static let plain = "raw_buffer"

  /// The ways in, in Istio's order.
  func matches(_ mode: MutualTLSMode, _ spoken: PortProtocol) -> [InboundChainMatch] {
    if spoken.isSniffed { return sniffed(mode) }
    let isHTTP = spoken.isHTTP
    let way = { (alpn: [String], transport: String, endsTLS: Bool) in
      InboundChainMatch(
        applicationProtocols: alpn, transportProtocol: transport, isHTTP: isHTTP, endsTLS: endsTLS)
    }
    switch mode {
    case .strict: return [way([], Self.tls, true)]
    case .disable: return [way([], Self.plain, false)]
    case .permissive where isHTTP:
      return [way(Self.mesh, Self.tls, true), way([], Self.plain, false)]
    case .permissive:
      // TLS of the application's own goes to it as it is.
      return [
        way(Self.mesh, Self.tls, true), way([], Self.tls, false), way([], Self.plain, false),
      ]
    }
  }

  private func sniffed(_ mode: MutualTLSMode) -> [InboundChainMatch] {
    let requests = InboundChainMatch(
      applicationProtocols: plainHTTP, transportProtocol: Self.plain, isHTTP: true)
    let connections = InboundChainMatch(
      applicationProtocols: [], transportProtocol: Self.plain, isHTTP: false)
    let meshRequests = InboundChainMatch(
      applicationProtocols: Self.meshHTTP, transportProtocol: Self.tls, isHTTP: true, endsTLS: true)
    switch mode {
    case .disable: return [requests, connections]
    case .strict:
      return [
        meshRequests,
        InboundChainMatch(
          applicationProtocols: [], transportProtocol: Self.tls, isHTTP: false, endsTLS: true),
      ]
    case .permissive:
      return [
        meshRequests, requests,
        InboundChainMatch(
          applicationProtocols: ["istio-peer-exchange", "istio"], transportProtocol: Self.tls,
          isHTTP: false, endsTLS: true),
        connections,
        InboundChainMatch(
          applicationProtocols: [], transportProtocol: Self.tls, isHTTP: false),
      ]
    }
  }
}

/// All chains of one port of the workload, or of the ports that no service has.
struct InboundPort: Hashable, Sendable {
  /// The workload's port; 0 for all others.
  var port: UInt32
  /// The service's port.
  var servicePort: UInt32 = 0
  /// What is spoken.
  var portProtocol = PortProtocol.unsupported
  /// The cluster that it goes to.
  var cluster: String
  /// The name that chains and statistics have, such as `0.0.0.0_8080`; empty for passthrough.
  var name = ""
  /// The service's host, for traces.
  var host = ""
  /// The prefix of the statistics of connections.
  var statPrefix: String
  /// The modes of mutual TLS.
  var mode: MutualTLSMode
  /// The object that asked for it.
  var source: ObjectKey?
  /// TLS of the Sidecar's own, in place of the mesh's.
  var customTLS: ServerTLSInputs?

  /// Whether it is for ports that no service has.
  var isPassthrough: Bool { name.isEmpty }

  private func chainName(isHTTP: Bool) -> String {
    guard isPassthrough else { return name }
    return isHTTP ? "virtualInbound-catchall-http" : "virtualInbound"
  }

  /// The chains.
  func chains(_ listener: InboundListenerInputs, in arena: Arena) -> [Envoy.FilterChain] {
    ways(listener).map { way in
      Envoy.FilterChain(arena) { chain in
        chain.name = chainName(isHTTP: way.isHTTP)
        chain.filterChainMatch = chain.make(Envoy.FilterChainMatch.self) {
          $0.applicationProtocols = .init(way.applicationProtocols)
          $0.transportProtocol = way.transportProtocol
          if port > 0 { $0.destinationPort = port }
        }
        chain.filters = .init(filters(isHTTP: way.isHTTP, listener.environment, in: arena))
        if way.endsTLS {
          chain.transportSocket =
            customTLS?.transportSocket(in: arena)
            ?? listener.tls?.transportSocket(isHTTP: way.isHTTP, in: arena)
        }
        if let source {
          var metadata = IstioMetadata()
          metadata.set(config: source)
          chain.metadata = metadata.message(in: arena)
        }
      }
    }
  }

  /// The ways in.
  ///
  /// A proxy without certificates takes plain text only, and where a policy demands mutual TLS
  /// nothing.
  private func ways(_ listener: InboundListenerInputs) -> [InboundChainMatch] {
    let matches = InboundChainMatches(plainHTTP: listener.environment.value.plaintextALPNs)
    if customTLS != nil {
      return [
        InboundChainMatch(
          applicationProtocols: [], transportProtocol: "tls", isHTTP: portProtocol.isHTTP,
          endsTLS: true)
      ]
    }
    if listener.tls == nil, mode != .disable {
      return mode == .strict ? [] : matches.matches(.disable, portProtocol)
    }
    return matches.matches(mode, portProtocol)
  }

  private func filters(
    isHTTP: Bool, _ environment: Shared<FilterEnvironment>, in arena: Arena
  ) -> [Envoy.NetworkFilter] {
    guard isHTTP else {
      var proxy = TCPProxyInputs(cluster: cluster, statPrefix: statPrefix)
      proxy.idleTimeout = environment.value.idleTimeout
      return NetworkFilterStack(
        trafficClass: .sidecarInbound, proxy: proxy, portProtocol: portProtocol,
        exchangesMetadata: true
      ).make(environment.value, in: arena)
    }
    let routes = InboundRouteInputs(
      cluster: cluster, host: host, port: servicePort, portProtocol: portProtocol)
    let manager = HTTPConnectionManagerInputs(
      environment: environment, trafficClass: .sidecarInbound,
      statPrefix: (isPassthrough ? cluster : "inbound_" + name) + ";",
      routes: .inbound(routes), portProtocol: portProtocol)
    return environment.value.metadataExchange(in: arena) + [manager.filter(in: arena)]
  }
}
