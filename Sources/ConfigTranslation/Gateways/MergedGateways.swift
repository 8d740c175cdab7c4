// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// The Gateways of a proxy as one: servers by port, the older winning where two cannot be.
struct MergedGateways: Hashable, Sendable {
  /// What tells listeners apart; one of TLS and one of HTTPS share a socket.
  struct ServerPort: Hashable, Sendable {
    /// The port that the proxy listens on.
    var number: UInt32
    /// What is spoken, as it is written.
    var `protocol`: String
    /// The address to listen on; empty for all.
    var bind: String

    fileprivate var parsed: PortProtocol { PortProtocol(name: `protocol`) }
  }

  /// Servers that share a port, in the order of their Gateways' age.
  struct Servers: Hashable, Sendable {
    var port: ServerPort
    var servers: [GatewayServer]
    /// The route configuration of plain requests.
    var routeName: String
    /// The servers that are also asked by HTTP/3, over UDP.
    var overQUIC: [GatewayServer] = []
  }

  /// The servers by port, in the order in which ports were first asked for.
  private(set) var ports: [Servers] = []
  /// The servers by route configuration.
  private(set) var serversByRoute: [String: [GatewayServer]] = [:]
  /// The Gateways, as VirtualServices name them.
  private(set) var names: Set<String> = []
  /// Whether a server sends TLS on unopened, by the SNI of its clients.
  private(set) var hasAutoPassthrough = false
  /// The route configurations whose responses tell of HTTP/3.
  private(set) var routesOverQUIC: Set<String> = []

  private var numbers: Set<UInt32> = []
  private var plain: [UInt32: ServerPort] = [:]
  private var tlsHosts: [UInt32: [String: String]] = [:]

  /// Merges Gateways, the oldest first.
  ///
  /// - Parameter usesQUIC: Whether HTTPS is served over QUIC too, where a service of the proxy has
  ///   the server's port for UDP (`PILOT_ENABLE_QUIC_LISTENERS`).
  init(_ selected: [SelectedGateway], usesQUIC: Bool = false) {
    for one in selected {
      names.insert("\(one.object.meta.namespace)/\(one.object.meta.name)")
      for written in one.object.spec.servers {
        guard let port = written.port else { continue }
        let server = written.resolvingHosts(namespace: one.object.meta.namespace)
        let isUDP = usesQUIC && one.hasUDP(port.number)
        for number in one.listeningPorts(for: port.number) {
          guard let place = add(server, of: one.object.key, on: number), isUDP else { continue }
          serveOverQUIC(at: place)
        }
      }
    }
  }

  /// Adds a server on a port of the proxy, and says among whose servers it is then the last; nil
  /// where it has no place.
  private mutating func add(
    _ written: Istio.Server, of gateway: ObjectKey, on number: UInt32
  ) -> Int? {
    var server = GatewayServer(gateway: gateway, server: written, routeName: "")
    server.routeName = MergedGateways.routeName(of: server, listeningOn: number)
    guard written.tls == nil || takeHosts(of: written, on: number) else { return nil }
    if server.isAutoPassthrough { hasAutoPassthrough = true }
    let port = ServerPort(
      number: number, protocol: written.port?.protocol ?? "", bind: written.bind)
    if numbers.insert(number).inserted { return start(server, on: port) }
    if let first = plain[number] { return join(server, on: port, first: first) }
    return server.isTLS ? addTLS(server, on: port) : start(server, on: port)
  }

  private mutating func serveOverQUIC(at place: Int) {
    guard let server = ports[place].servers.last, server.isHTTPSTermination else { return }
    ports[place].overQUIC.append(server)
    routesOverQUIC.insert(server.routeName)
  }

  /// Takes the hosts of a server with TLS, since no SNI may match twice; false if one is taken.
  private mutating func takeHosts(of server: Istio.Server, on number: UInt32) -> Bool {
    let isTaken = server.hosts.contains { tlsHosts[number]?[$0] == server.bind }
    guard !isTaken else { return false }
    for host in server.hosts { tlsHosts[number, default: [:]][host] = server.bind }
    return true
  }

  private mutating func start(_ server: GatewayServer, on port: ServerPort) -> Int {
    if !server.isTLS { plain[port.number] = port }
    if server.isHTTP { serversByRoute[server.routeName] = [server] }
    let servers = Servers(port: port, servers: [server], routeName: server.routeName)
    guard let place = ports.firstIndex(where: { $0.port == port }) else {
      ports.append(servers)
      return ports.count - 1
    }
    ports[place] = servers
    return place
  }

  /// Adds a server to a port that has plain servers: only HTTP goes with HTTP.
  private mutating func join(
    _ server: GatewayServer, on port: ServerPort, first: ServerPort
  ) -> Int? {
    let name = server.routeName
    if first.bind == port.bind {
      let fits = (port.parsed.isHTTP || port.parsed == first.parsed) && first.parsed.isHTTP
      guard fits, !name.isEmpty, let place = ports.firstIndex(where: { $0.port == first }) else {
        return nil
      }
      ports[place].servers.append(server)
      serversByRoute[name, default: []].append(server)
      return place
    }
    guard let place = ports.firstIndex(where: { $0.port == port }) else {
      return start(server, on: port)
    }
    ports[place].routeName = name
    ports[place].servers.append(server)
    serversByRoute[name, default: []].append(server)
    return place
  }

  /// Adds a server to a port that has servers with TLS: SNI tells them apart.
  private mutating func addTLS(_ server: GatewayServer, on port: ServerPort) -> Int? {
    if server.isHTTP {
      guard !server.routeName.isEmpty, serversByRoute[server.routeName] == nil else {
        return nil
      }
      serversByRoute[server.routeName] = [server]
    }
    guard let place = ports.firstIndex(where: { $0.port == port }) else {
      ports.append(Servers(port: port, servers: [server], routeName: ""))
      return ports.count - 1
    }
    ports[place].servers.append(server)
    return place
  }

  /// `http.PORT`, or `https.PORT.NAME.GATEWAY.NAMESPACE`, with the address where one is bound.
  private static func routeName(of server: GatewayServer, listeningOn number: UInt32) -> String {
    let bind = server.server.bind.isEmpty ? "" : "." + server.server.bind
    if server.portProtocol.isHTTP { return "http.\(number)\(bind)" }
    guard server.portProtocol == .https, !server.isPassthrough else { return "" }
    let (name, gateway) = (server.server.port?.name ?? "", server.gateway)
    return "https.\(server.portNumber).\(name).\(gateway.name).\(gateway.namespace)\(bind)"
  }
}

/// A Gateway that applies to a proxy, and the services through which its ports are found.
struct SelectedGateway {
  /// Of a service: that Gateways name the ports to listen on, not the service's (Knative's label).
  private static let untranslated = "experimental.istio.io/disable-gateway-port-translation"

  let object: ConfigObject<Istio.Gateway>
  /// Whether a selector of labels chose it, rather than the name of a service.
  let isBySelector: Bool
  let targets: [ServiceTarget]

  /// Whether a service of the proxy has a port for UDP.
  func hasUDP(_ number: UInt32) -> Bool {
    targets.contains { $0.port.number == number && $0.port.protocol == .udp }
  }

  /// The ports to listen on for a port of a server: those that the proxy's services lead to.
  func listeningPorts(for number: UInt32) -> [UInt32] {
    let found = targets.filter { target in
      if isBySelector, target.service.labels[Self.untranslated] != nil { return false }
      return target.port.number == number
    }.map(\.targetPort)
    if isBySelector { return [found.first ?? number] }
    return Set(found).sorted()
  }
}

extension ProxyContext {
  /// The Gateways that apply to the proxy, merged.
  var gateways: MergedGateways {
    cache.gathered.gateways.value(gatewaysKey) {
      MergedGateways(
        selectedGateways,
        usesQUIC: settings.feature("PILOT_ENABLE_QUIC_LISTENERS", default: false))
    }
  }

  /// What the Gateways that apply to the proxy depend on.
  var gatewaysKey: MergedGatewaysKey {
    MergedGatewaysKey(
      gateways: mesh.config.gateways.tag, settings: mesh.sharedSettings, labels: node.labels,
      namespace: node.namespace, targets: targets)
  }

  private var selectedGateways: [SelectedGateway] {
    let isScoped = settings.feature("PILOT_SCOPE_GATEWAY_TO_NAMESPACE", default: false)
    let all =
      isScoped ? mesh.config.gateways.objects(in: node.namespace) : mesh.config.gateways.all
    return all.compactMap { object in
      if let services = object.meta.annotations["internal.istio.io/gateway-service"] {
        return select(object, byServices: services)
      }
      guard object.spec.selector.isSubset(of: node.labels) else { return nil }
      return SelectedGateway(object: object, isBySelector: true, targets: targets)
    }
  }

  private func select(
    _ object: ConfigObject<Istio.Gateway>, byServices written: String
  ) -> SelectedGateway? {
    let names = Set(written.split(separator: ",").map(String.init))
    let parent = object.meta.annotations["internal.istio.io/parent-namespace"] ?? ""
    let namespace = parent.isEmpty ? object.meta.namespace : parent
    let found = targets.filter {
      names.contains($0.service.hostname.text) && $0.service.namespace == namespace
    }
    guard !found.isEmpty else { return nil }
    return SelectedGateway(object: object, isBySelector: false, targets: found)
  }
}

/// What the merged Gateways of a proxy depend on.
struct MergedGatewaysKey: Hashable, Sendable {
  var gateways: Tag
  var settings: Shared<MeshSettings>
  var labels: [String: String]
  var namespace: String
  var targets: [ServiceTarget]
}
