// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

extension ProxyContext {
  /// Where connections go whose destination nobody knows: the outbound policy.
  func unknownDestination(_ environment: FilterEnvironment) -> TCPProxyInputs {
    let policy = outbound.outboundPolicy
    var cluster = ClusterName.blackHole
    if policy.mode == .allowAny || environment.dynamicDNS != nil {
      cluster = ClusterName.passthrough
      if let proxy = policy.egressProxy {
        cluster = destinationCluster(proxy, service: nil, port: 0)
      }
    }
    var inputs = TCPProxyInputs(cluster: cluster)
    inputs.idleTimeout = environment.idleTimeout
    return inputs
  }

  /// The listener that takes all redirected connections; nil where nothing is redirected.
  func virtualOutboundListener(
    _ environment: Shared<FilterEnvironment>
  ) -> VirtualOutboundInputs? {
    guard node.interception != .none else { return nil }
    let families = addressFamilies
    var addresses = listenAddresses
    if families.isIPv6Only,
      settings.feature("ISTIO_ENABLE_IPV4_OUTBOUND_LISTENER_FOR_IPV6_CLUSTERS", default: false)
    {
      addresses.append("0.0.0.0")
    }
    return VirtualOutboundInputs(
      environment: environment, addresses: addresses,
      port: UInt32(clamping: settings.mesh.proxyListenPort),
      isTransparent: node.interception == .tproxy,
      maxConnectionsPerEvent: settings.maxConnectionsPerEvent,
      unknown: unknownDestination(environment.value))
  }

  /// The listeners of the services that the proxy sees.
  func outboundListeners(_ environment: Shared<FilterEnvironment>) -> [OutboundListenerInputs] {
    var builder = OutboundListenerBuilder(self, environment)
    for scope in outbound.egress { builder.add(scope) }
    let unknown = unknownDestination(environment.value)
    return builder.entries.entries.values.map { entry in
      var listener = emptyListener(environment, entry.addresses, entry.port.number)
      listener.bindsPort = entry.bindsPort
      listener.unmatched = unknown
      let name = listener.name
      listener.chains = entry.chains.map { chain in
        guard case .requests(var manager) = chain.content else { return chain }
        var chain = chain
        manager.statPrefix = "outbound_\(name);"
        chain.content = .requests(manager)
        return chain
      }.droppingUnreachable()
      return listener
    }
  }

  /// The listener of a proxy that is asked by full URLs (`MeshConfig.proxyHttpPort`, or
  /// `HTTP_PROXY_PORT` of the node).
  func httpProxyListener(_ environment: Shared<FilterEnvironment>) -> OutboundListenerInputs? {
    let port = node.number("HTTP_PROXY_PORT") ?? UInt32(clamping: settings.mesh.proxyHttpPort)
    guard port != 0 else { return nil }
    var listener = emptyListener(environment, addressFamilies.loopbacks, port)
    listener.bindsPort = true
    var manager = HTTPConnectionManagerInputs(
      environment: environment, trafficClass: .sidecarOutbound,
      statPrefix: "outbound_\(listener.name);", routes: .discovered("http_proxy"))
    manager.isHTTPProxy = true
    listener.chains = [OutboundChain(content: .requests(manager))]
    return listener
  }

  private func emptyListener(
    _ environment: Shared<FilterEnvironment>, _ addresses: [String], _ port: UInt32
  ) -> OutboundListenerInputs {
    OutboundListenerInputs(
      environment: environment, addresses: addresses, port: port, bindsPort: false,
      isBalanced: node.isTrue("OUTBOUND_LISTENER_EXACT_BALANCE"),
      maxConnectionsPerEvent: settings.maxConnectionsPerEvent,
      detectionTimeout: settings.mesh.protocolDetectionTimeout,
      connectTimeout: settings.gatewayConnectTimeout, chains: [])
  }
}

extension MeshSettings {
  /// How long a handshake may take (`PILOT_GATEWAY_TRANSPORT_SOCKET_CONNECT_TIMEOUT`, 15 s); nil
  /// for any time.
  var gatewayConnectTimeout: Duration? {
    let written = features["PILOT_GATEWAY_TRANSPORT_SOCKET_CONNECT_TIMEOUT"].flatMap(goDuration)
    let timeout = written ?? .seconds(15)
    return timeout == .zero ? nil : timeout
  }
}

/// Adds the services of egress listeners, one after the other.
struct OutboundListenerBuilder {
  private let context: ProxyContext
  private let environment: Shared<FilterEnvironment>
  private let families: AddressFamilies
  private let reserved: Set<UInt32>
  /// The VirtualServices of the listener at hand that route connections.
  private var routing: [ResolvedVirtualService] = []
  /// The listeners so far.
  private(set) var entries = OutboundEntries()

  /// How a listener binds.
  struct Binding {
    /// The addresses; empty where the service's count.
    var addresses: [String]
    var bindsPort: Bool
  }

  init(_ context: ProxyContext, _ environment: Shared<FilterEnvironment>) {
    self.context = context
    self.environment = environment
    families = context.addressFamilies
    reserved = context.reservedPorts()
  }

  /// Adds the services that one egress listener imports.
  mutating func add(_ scope: EgressScope) {
    let binding = binding(of: scope.listener)
    routing = scope.virtualServices.filter(\.routesConnections)
    guard let written = scope.listener?.port else {
      entries.lock()
      for service in scope.services {
        for variant in service.perAddress { add(variant, binding) }
      }
      return
    }
    let port = ServicePort(
      name: written.name, number: written.number, protocol: PortProtocol(name: written.protocol))
    guard canBind(port, binding) else { return }
    for service in scope.services { add(service, port, binding) }
  }

  private func binding(of listener: Istio.IstioEgressListener?) -> Binding {
    let bind = listener?.bind ?? ""
    let bindsPort =
      context.bindsByDefault || listener?.captureMode == Istio.CaptureMode.none
      || bind.hasPrefix("unix://")
    if !bind.isEmpty { return Binding(addresses: [bind], bindsPort: bindsPort) }
    return Binding(addresses: bindsPort ? families.loopbacks : [], bindsPort: bindsPort)
  }

  private func canBind(_ port: ServicePort, _ binding: Binding) -> Bool {
    context.canBind(
      port.number, at: binding.addresses.first ?? "", port.protocol, bindsPort: binding.bindsPort,
      reserved: reserved)
  }

  /// Adds all ports of a service.
  private mutating func add(
    _ service: MeshService, _ binding: Binding
  ) {
    let hasNoAddress =
      service.resolution == .passthrough && context.address(of: service) == unspecifiedAddress
    for port in service.ports where canBind(port, binding) {
      let isConnection = port.protocol.isTCP || port.protocol.isSniffed
      guard binding.addresses.isEmpty, hasNoAddress, isConnection else {
        add(service, port, binding)
        continue
      }
      addHeadless(service, port, binding)
    }
  }

  /// Without an address of its own, a service is at those of its endpoints.
  private mutating func addHeadless(
    _ service: MeshService, _ port: ServicePort, _ binding: Binding
  ) {
    let endpoints = context.mesh.registry.endpoints(of: service.key, port: port)
    if service.registry != .kubernetes, endpoints.isEmpty, service.selector.isEmpty {
      add(service, port, binding)
      return
    }
    let shares =
      port.protocol.isTCP
      && context.settings.feature("PILOT_ENABLE_HEADLESS_FILTER_CHAIN_LISTENER", default: false)
    for endpoint in endpoints {
      let addresses = endpoint.addresses
      guard addresses.allSatisfy({ IPAddress($0) != nil }), let first = addresses.first,
        first != context.node.addresses.first
      else { continue }
      var own = binding
      own.addresses = shares ? families.wildcards : addresses
      add(service, port, own, podAddresses: shares ? addresses : [])
    }
  }

  /// Adds one port of a service, at the places where its clients go.
  private mutating func add(
    _ service: MeshService, _ port: ServicePort, _ binding: Binding,
    podAddresses: [String] = []
  ) {
    guard service.resolution != .alias, port.protocol != .udp else { return }
    var addresses = binding.addresses
    var destinations = podAddresses
    if addresses.isEmpty {
      (addresses, destinations) = place(of: service, port)
    }
    guard let main = addresses.first else { return }
    let place = ListenerPlace(address: main, port: port.number)
    guard !entries.isLocked(place) else { return }
    let chains = OutboundChainBuilder(
      context: context, environment: environment, virtualServices: routing, service: service,
      port: port,
      address: main, destinations: destinations, isPod: !podAddresses.isEmpty,
      wildcard: families.wildcards[0])
    var entry = OutboundEntry(
      addresses: addresses, bindsPort: binding.bindsPort, port: port, spoken: port.protocol,
      chains: [])
    if port.protocol == .httpProxy {
      entry.chains = [chains.requests()]
      entries.put(entry, at: place)
      return
    }
    if port.protocol.isHTTP {
      if let spoken = entries.spoken(at: place), !spoken.isTCP { return }
      let sniffs = main == families.wildcards[0]
      entry.chains = [chains.requests(sniffs: sniffs)]
      // With a chain for what is no HTTP, the listener serves both.
      if sniffs { entry.spoken = .unsupported }
    } else {
      entry.chains = chains.connections()
      if port.protocol.isSniffed { entry.chains.append(chains.requests(sniffs: true)) }
    }
    entries.add(entry, declared: port.protocol, at: place)
  }

  /// The addresses of a service's listener, and the ranges that tell it from others there.
  private func place(
    of service: MeshService, _ port: ServicePort
  ) -> (addresses: [String], destinations: [String]) {
    guard !port.protocol.isHTTP else { return (families.wildcards, []) }
    var address = context.address(of: service)
    var extra = context.extraAddresses(of: service)
    if service.registry == .external, address == unspecifiedAddress {
      if families.isIPv6Only { address = "::" }
      if families.isDual { extra.append("::") }
    }
    guard address.contains("/") else { return ([address] + extra, []) }
    return (families.wildcards, [address] + extra)
  }
}
