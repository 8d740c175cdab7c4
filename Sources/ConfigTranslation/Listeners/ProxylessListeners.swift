// SPDX-License-Identifier: Apache-2.0

import Configuration
public import EnvoyAPI
import MeshModel
import ServiceDiscovery

/// What a gRPC client without a proxy is given for `host:port` (gRFC A27).
struct ProxylessClientListenerInputs: ResourceInputs {
  static let type = ResourceType.listener

  /// The name that was asked for, with the port.
  var name: String
  /// The service's addresses, the main one first.
  var addresses: [String]
  /// The service's port.
  var port: UInt32
  /// The route configuration.
  var routes: String
  /// The session that the service asks for.
  var session: SessionPlan?

  func make(in arena: Arena) -> Envoy.Listener {
    let manager = Envoy.HttpConnectionManager(arena) { manager in
      if let session {
        manager.httpFilters.append(
          .typed(arena, SessionPlan.filter, session.settings(in: arena)))
      }
      manager.httpFilters.append(
        .typed(arena, "envoy.filters.http.fault", Envoy.HTTPFault(arena)))
      manager.httpFilters.append(.typed(arena, "envoy.filters.http.router", Envoy.Router(arena)))
      manager.rds = manager.make(Envoy.Rds.self) { rds in
        rds.routeConfigName = routes
        rds.configSource = Envoy.ConfigSource(arena) { $0.ads = .init(arena) }
      }
    }
    return Envoy.Listener(arena) { listener in
      listener.name = name
      listener.address = .socket(arena, addresses[0], port: port)
      for address in addresses.dropFirst() {
        listener.additionalAddresses.append(.init(arena, address, port: port))
      }
      listener.apiListener = Envoy.ApiListener(arena) { $0.apiListener = .pack(manager) }
    }
  }
}

/// What a gRPC server without a proxy is given for an address that it listens on (gRFC A36).
struct ProxylessServerListenerInputs: ResourceInputs {
  static let type = ResourceType.listener

  /// The prefix of a server's names: an address follows.
  static let prefix = "xds.istio.io/grpc/lds/inbound/"

  /// The name that was asked for.
  var name: String
  /// The address.
  var address: String
  /// The port.
  var port: UInt32
  /// The service's further addresses.
  var extraAddresses: [String]
  /// Whether clients must use mutual TLS; gRPC cannot take both.
  var requiresTLS: Bool

  func make(in arena: Arena) -> Envoy.Listener {
    Envoy.Listener(arena) { listener in
      listener.name = name
      listener.address = .socket(arena, address, port: port)
      for address in extraAddresses {
        listener.additionalAddresses.append(.init(arena, address, port: port))
      }
      listener.filterChains.append(chain(in: arena))
    }
  }

  private func chain(in arena: Arena) -> Envoy.FilterChain {
    let suffix = requiresTLS ? "mtls" : "plaintext"
    return Envoy.FilterChain(arena) { chain in
      chain.name = "inbound-" + suffix
      chain.filters.append(.typed(arena, "inbound-hcm" + suffix, manager(in: arena)))
      if requiresTLS { chain.transportSocket = transportSocket(in: arena) }
    }
  }

  private func manager(in arena: Arena) -> Envoy.HttpConnectionManager {
    Envoy.HttpConnectionManager(arena) { manager in
      manager.httpFilters.append(.typed(arena, "envoy.filters.http.router", Envoy.Router(arena)))
      manager.routeConfig = manager.make(Envoy.RouteConfiguration.self) { configuration in
        configuration.name = "inbound"
        configuration.virtualHosts.append(
          Envoy.VirtualHost(arena) { host in
            host.domains = ["*"]
            host.routes.append(
              Envoy.Route(arena) { route in
                route.match = route.make(Envoy.RouteMatch.self) { $0.prefix = "/" }
                route.nonForwardingAction = .init(arena)
              })
          })
      }
    }
  }

  /// The certificates are those of the server's own provider `default` (its bootstrap's).
  private func transportSocket(in arena: Arena) -> Envoy.TransportSocket {
    let plugin = { (name: String) in
      Envoy.CertificateProviderPluginInstance(arena) {
        $0.instanceName = "default"
        $0.certificateName = name
      }
    }
    let older = { (name: String) in
      Envoy.CommonTlsContext.CertificateProviderInstance(arena) {
        $0.instanceName = "default"
        $0.certificateName = name
      }
    }
    let common = Envoy.CommonTlsContext(arena) { common in
      common.tlsCertificateProviderInstance = plugin("default")
      common.tlsCertificateCertificateProviderInstance = older("default")
      common.combinedValidationContext = common.make(
        Envoy.CommonTlsContext.CombinedCertificateValidationContext.self
      ) { combined in
        combined.validationContextCertificateProviderInstance = older("ROOTCA")
        combined.defaultValidationContext = Envoy.CertificateValidationContext(arena) {
          $0.caCertificateProviderInstance = plugin("ROOTCA")
        }
      }
    }
    return .downstreamTLS(
      Envoy.DownstreamTlsContext(arena) {
        $0.commonTlsContext = common
        $0.requireClientCertificate = true
      })
  }
}

extension ProxyContext {
  /// The listeners that a gRPC application without a proxy asks for by name.
  ///
  /// A client's names are `host:port` or `host`, short hosts included; a server's are its own
  /// addresses behind a prefix. What nothing is known of has none; no names ask for every service.
  public func proxylessListeners(named names: [String]) -> [EncodedResource] {
    let servers = names.filter { $0.hasPrefix(ProxylessServerListenerInputs.prefix) }
    let clients = names.filter { !$0.hasPrefix(ProxylessServerListenerInputs.prefix) }
    var made = servers.compactMap(serverListener).map { cache.resource($0) }
    for service in outbound.services where service.resolution != .alias {
      let asked =
        names.isEmpty
        ? service.ports.map { (service.hostname.text, $0) }
        : clients.flatMap { requested($0, of: service) }
      for (host, port) in asked {
        let name = "\(host):\(port.number)"
        made.append(
          cache.resource(
            ProxylessClientListenerInputs(
              name: name, addresses: [address(of: service)] + extraAddresses(of: service),
              port: port.number,
              routes: "\(ClusterName(.outbound, port: port.number, host: service.hostname.text))",
              session: session(of: service))))
      }
    }
    var seen: Set<String> = []
    return made.filter { seen.insert($0.name).inserted }.sorted { $0.name < $1.name }
  }

  /// The ports of a service that a name asks for, with the host as it was written.
  private func requested(_ name: String, of service: MeshService) -> [(String, ServicePort)] {
    let parts = name.split(separator: ":", omittingEmptySubsequences: false)
    let host = String(parts[0])
    guard parts.count <= 2, [host, fullName(of: host)].contains(service.hostname.text)
    else { return [] }
    let wanted = parts.count == 2 ? UInt32(parts[1]) : nil
    guard parts.count == 1 || wanted != nil else { return [] }
    return service.ports.filter { wanted == nil || $0.number == wanted }.map { (host, $0) }
  }

  /// A short name in full, as the application's DNS would have it.
  private func fullName(of host: String) -> String {
    guard host.contains(".") else { return "\(host).\(node.dnsDomain)" }
    for suffix in [node.namespace, node.namespace + ".svc"] {
      guard host.hasSuffix("." + suffix), node.dnsDomain.hasPrefix(suffix) else { continue }
      return host.dropLast(suffix.count) + node.dnsDomain
    }
    return host
  }

  private func serverListener(_ name: String) -> ProxylessServerListenerInputs? {
    let written = name.dropFirst(ProxylessServerListenerInputs.prefix.count)
    guard let colon = written.lastIndex(of: ":"),
      let port = UInt32(written[written.index(after: colon)...]),
      let target = targets.last(where: { $0.targetPort == port })
    else { return nil }
    let address = written[..<colon].filter { $0 != "[" && $0 != "]" }
    // gRPC cannot tell plain text from TLS: permissive is what clients with automatic mutual TLS use.
    let requiresTLS =
      switch mutualTLSPolicy()[port] {
      case .disable: false
      case .strict: true
      case .permissive: node.labels["security.istio.io/tlsMode"] == "istio"
      }
    return ProxylessServerListenerInputs(
      name: name, address: String(address), port: port,
      extraAddresses: extraAddresses(of: target.service), requiresTLS: requiresTLS)
  }
}
