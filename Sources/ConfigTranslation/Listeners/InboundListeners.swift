// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import ServiceDiscovery

extension ProxyContext {
  /// The listeners for traffic to the workload.
  func inboundListeners(_ environment: Shared<FilterEnvironment>) -> [InboundListenerInputs] {
    let policy = mutualTLSPolicy()
    let tls = workloadTLS()
    let ports = inboundPorts(policy)
    let make = { (name: String, addresses: [String], port: UInt32, ports: [InboundPort]) in
      var listener = InboundListenerInputs(
        name: name, environment: environment, addresses: addresses, port: port, bindsPort: true,
        ports: ports)
      listener.tls = tls
      listener.isBalanced = self.node.isTrue("INBOUND_LISTENER_EXACT_BALANCE")
      listener.maxConnectionsPerEvent = self.settings.maxConnectionsPerEvent
      listener.detectionTimeout = self.settings.mesh.protocolDetectionTimeout
      return listener
    }
    let bound = ports.filter(\.bindsPort).map { port in
      make(port.port.name, port.addresses, port.port.port, [port.port])
    }
    guard node.interception != .none else { return bound }
    let captured = ports.filter { !$0.bindsPort }.map(\.port)
    var virtual = make(
      "virtualInbound", listenAddresses, UInt32(clamping: settings.mesh.proxyInboundListenPort),
      passthroughPorts(policy) + captured)
    virtual.bindsPort = false
    virtual.isTransparent = node.interception == .tproxy
    return [virtual] + bound
  }

  /// The addresses that listeners for redirected traffic bind.
  var listenAddresses: [String] {
    let families = addressFamilies
    let all = families.wildcards
    return families.isDualStackEnabled ? all : [all[0]]
  }

  /// The ports that no service has: all others, and those with a mode of their own.
  private func passthroughPorts(_ policy: MutualTLSPolicy) -> [InboundPort] {
    let served: Set<UInt32>
    if let sidecar, !sidecar.ingress.isEmpty {
      served = Set(sidecar.ingress.compactMap { $0.port?.number })
    } else {
      served = Set(targets.map(\.targetPort))
    }
    let own = policy.ports.keys.filter { !served.contains($0) && $0 != 0 }.sorted()
    return ([0] + own).map { port in
      InboundPort(
        port: port, cluster: ClusterName.inboundPassthrough,
        statPrefix: settings.inboundStatPrefix(
          StatName(nil, host: "", port: 0, portName: "virtualInbound"),
          cluster: ClusterName.inboundPassthrough),
        mode: policy[port])
    }
  }

  private func inboundPorts(_ policy: MutualTLSPolicy) -> [PlacedInboundPort] {
    let ingress = sidecar?.ingress ?? []
    var found: [UInt32: PlacedInboundPort] = [:]
    if ingress.isEmpty {
      // The application binds its port itself where nothing is redirected.
      guard node.interception != .none else { return [] }
      found = servicePorts(policy, except: [])
    } else {
      if settings.mergesInboundPorts {
        found = servicePorts(policy, except: Set(ingress.compactMap { $0.port?.number }))
      }
      for listener in ingress {
        guard let port = ingressPort(listener, policy), found[port.port.port] == nil else {
          continue
        }
        found[port.port.port] = port
      }
    }
    return found.values.sorted { $0.port.port < $1.port.port }
  }

  /// The ports of the services that the workload is behind; of two with one port the first counts.
  private func servicePorts(
    _ policy: MutualTLSPolicy, except: Set<UInt32>
  ) -> [UInt32: PlacedInboundPort] {
    let wildcards = addressFamilies.wildcards
    let reserved = reservedPorts()
    var found: [UInt32: PlacedInboundPort] = [:]
    for target in targets {
      let number = target.targetPort
      guard !except.contains(number), found[number] == nil,
        canBind(
          number, at: wildcards[0], target.port.protocol, bindsPort: bindsByDefault,
          reserved: reserved)
      else { continue }
      let host = target.service.hostname.text
      let cluster = "\(ClusterName(.inbound, port: number))"
      let stat = StatName(
        target.service, host: host, port: target.port.number, portName: target.port.name)
      let port = InboundPort(
        port: number, servicePort: target.port.number, portProtocol: target.port.protocol,
        cluster: cluster, name: "\(wildcards[0])_\(number)", host: host,
        statPrefix: settings.inboundStatPrefix(stat, cluster: cluster), mode: policy[number])
      found[number] = PlacedInboundPort(
        port: port, bindsPort: bindsByDefault, addresses: listenAddresses)
    }
    return found
  }

  /// A port of the Sidecar's ingress.
  private func ingressPort(
    _ listener: Istio.IstioIngressListener, _ policy: MutualTLSPolicy
  ) -> PlacedInboundPort? {
    guard let written = listener.port, let sidecar = outbound.sidecar else { return nil }
    var spoken = PortProtocol(name: written.protocol)
    let bindsPort =
      listener.captureMode == .default ? bindsByDefault : listener.captureMode == .none
    guard
      canBind(
        written.number, at: listener.bind, spoken, bindsPort: bindsPort,
        reserved: reservedPorts(isIngress: true))
    else { return nil }
    let addresses = listener.bind.isEmpty ? unicastAddresses : [listener.bind]
    let host = "\(sidecar.meta.name).\(sidecar.meta.namespace)"
    let cluster = "\(ClusterName(.inbound, port: written.number))"
    let stat = StatName(nil, host: host, port: written.number, portName: written.name)
    var port = InboundPort(
      port: written.number, servicePort: written.number, portProtocol: spoken, cluster: cluster,
      name: "\(addresses[0])_\(written.number)", host: host,
      statPrefix: settings.inboundStatPrefix(stat, cluster: cluster), mode: policy[written.number],
      source: ObjectKey(
        kind: sidecar.kind, namespace: sidecar.meta.namespace, name: sidecar.meta.name))
    if let tls = listener.tls, settings.feature("ENABLE_TLS_ON_SIDECAR_INGRESS", default: false) {
      spoken = spoken.afterTLS
      port.portProtocol = spoken
      if policy[written.number] == .disable {
        port.customTLS = serverTLS(tls)
      }
    }
    return PlacedInboundPort(port: port, bindsPort: bindsPort, addresses: addresses)
  }

  /// The proxy's own address, else all addresses of the machine.
  private var unicastAddresses: [String] {
    let own = node.addresses.first { IPAddress($0)?.isGlobalUnicast ?? false }
    return own.map { [$0] } ?? addressFamilies.wildcards
  }

  /// Whether listeners bind ports of the machine where nothing else is said.
  var bindsByDefault: Bool { node.interception == .none }

  /// The ports of the machine that the proxy itself has: the bootstrap's, and for outbound traffic
  /// those of the virtual listeners.
  func reservedPorts(isIngress: Bool = false) -> Set<UInt32> {
    let names = [
      "ENVOY_STATUS_PORT", "ENVOY_PROMETHEUS_PORT", "ENVOY_SECURE_METRICS_PORT",
      "ENVOY_SECURE_MERGED_METRICS_PORT",
    ]
    var taken = Set(names.compactMap { node.number($0) })
    if !isIngress {
      taken.insert(UInt32(clamping: settings.mesh.proxyListenPort))
      taken.insert(UInt32(clamping: settings.mesh.proxyInboundListenPort))
    }
    taken.remove(0)
    return taken
  }

  /// Whether a port is free of the proxy's own (Istio's CanBindToPort).
  func canBind(
    _ port: UInt32, at address: String, _ spoken: PortProtocol, bindsPort: Bool,
    reserved: Set<UInt32>
  ) -> Bool {
    if bindsPort, (1..<1024).contains(port), node.isTrue("UNPRIVILEGED_POD") { return false }
    // Only a listener for all addresses collides with those of the bootstrap.
    guard address.isEmpty ? spoken.isHTTP : address == addressFamilies.wildcards[0] else {
      return true
    }
    return !reserved.contains(port)
  }
}

/// A port, and where its chains are.
private struct PlacedInboundPort {
  var port: InboundPort
  var bindsPort: Bool
  var addresses: [String]
}

extension MeshSettings {
  /// Whether the ports of services count beside those of a Sidecar's ingress
  /// (`PILOT_ALLOW_SIDECAR_SERVICE_INBOUND_LISTENER_MERGE`).
  var mergesInboundPorts: Bool {
    feature("PILOT_ALLOW_SIDECAR_SERVICE_INBOUND_LISTENER_MERGE", default: false)
  }

  /// How many connections are accepted at once (`MAX_CONNECTIONS_PER_SOCKET_EVENT_LOOP`, 1).
  var maxConnectionsPerEvent: UInt32? {
    let count = features["MAX_CONNECTIONS_PER_SOCKET_EVENT_LOOP"].flatMap(UInt32.init) ?? 1
    return count == 0 ? nil : count
  }

  /// The prefix of statistics of inbound connections.
  fileprivate func inboundStatPrefix(_ name: StatName, cluster: String) -> String {
    mesh.inboundClusterStatName.isEmpty ? cluster : name.text(mesh.inboundClusterStatName)
  }
}

extension PortProtocol {
  /// What is spoken inside, once TLS has ended.
  fileprivate var afterTLS: PortProtocol {
    switch self {
    case .https: .http
    case .tls: .tcp
    default: self
    }
  }
}

extension ProxyNode {
  /// A number of the metadata, written as one or as a text.
  func number(_ key: String) -> UInt32? {
    guard let value = metadata[key] else { return nil }
    return value.integer.flatMap { UInt32(exactly: $0) } ?? value.string.flatMap { UInt32($0) }
  }
}

extension IPAddress {
  /// Whether it is the address of one machine that others can reach.
  fileprivate var isGlobalUnicast: Bool {
    guard !isUnspecified else { return false }
    if isIPv4 {
      let first = UInt8(truncatingIfNeeded: bits >> 24)
      let second = UInt8(truncatingIfNeeded: bits >> 16)
      let isLinkLocal = first == 169 && second == 254
      return first != 127 && first < 224 && !isLinkLocal
    }
    let top = UInt16(truncatingIfNeeded: bits >> 112)
    return bits != 1 && top & 0xff00 != 0xff00 && top & 0xffc0 != 0xfe80
  }
}
