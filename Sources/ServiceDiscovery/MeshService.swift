// SPDX-License-Identifier: Apache-2.0

public import Configuration

/// The identity of a service: hosts are unique only inside a namespace.
public struct ServiceKey: Hashable, Sendable, CustomStringConvertible {
  /// The host.
  public var hostname: Hostname
  /// The namespace of the object that declares it.
  public var namespace: String

  /// The service `hostname` of `namespace`.
  public init(_ hostname: Hostname, namespace: String) {
    self.hostname = hostname
    self.namespace = namespace
  }

  /// `namespace/hostname`.
  public var description: String { "\(namespace)/\(hostname)" }
}

/// A port of a service.
public struct ServicePort: Hashable, Sendable {
  /// The name; endpoints refer to it.
  public var name: String
  /// The number that clients connect to.
  public var number: UInt32
  /// What is spoken.
  public var `protocol`: PortProtocol

  /// A port.
  public init(name: String, number: UInt32, protocol: PortProtocol) {
    self.name = name
    self.number = number
    self.protocol = `protocol`
  }
}

/// How the addresses behind a service are found.
public enum Resolution: String, Hashable, Sendable {
  /// The proxy is told the endpoints and chooses.
  case clientSideLB
  /// The proxy asks DNS, and chooses among all answers.
  case dnsLB
  /// The proxy asks DNS, and takes one answer for each new connection.
  case dnsRoundRobinLB
  /// The proxy connects to where the client wanted to.
  case passthrough
  /// The service is another name of ``MeshService/externalName``.
  case alias
  /// The proxy asks DNS for the name that the client asked for.
  case dynamicDNS
}

/// Which endpoints come first, from `trafficDistribution`.
public enum TrafficDistribution: String, Hashable, Sendable {
  /// None.
  case any
  /// Those of the proxy's zone.
  case preferSameZone
  /// Those of the proxy's node.
  case preferSameNode
}

/// Where a service was declared.
public enum RegistryKind: String, Hashable, Sendable {
  /// A Kubernetes Service.
  case kubernetes = "Kubernetes"
  /// A ServiceEntry.
  case external = "External"
}

/// A service of the mesh, as translation sees it.
public struct MeshService: Hashable, Sendable {
  /// Its host and namespace.
  public var key: ServiceKey
  /// The object that declares it.
  public var source: ObjectKey
  /// Where it was declared.
  public var registry: RegistryKind
  /// How endpoints are found.
  public var resolution: Resolution
  /// The Kubernetes Service's name; of a ServiceEntry, the host.
  public var name: String
  /// Its ports in the order of their declaration.
  public var ports: [ServicePort] = []
  /// Its addresses for a cluster's clients, by the cluster's id: IPs, or ranges of a ServiceEntry.
  public var addresses: [String: [String]] = [:]
  /// The addresses that the mesh gave it because it has none: IPv4, IPv6.
  public var autoAllocated: [String] = []
  /// The addresses outside of a cluster (load balancer, `externalIPs`), by the cluster's id.
  public var externalAddresses: [String: [String]] = [:]
  /// The node ports of the service's ports, by the cluster's id.
  public var nodePorts: [String: [UInt32: UInt32]] = [:]
  /// Whether it runs outside of the mesh.
  public var isMeshExternal = false
  /// Who may see it: namespaces, `.`, `*` or `~`; empty is the mesh's default.
  public var exportTo: Set<String> = []
  /// The labels of the object.
  public var labels: [String: String] = [:]
  /// When the object was made, in seconds since 1970.
  public var creationTime: Int64?
  /// Identities that its endpoints may have besides their own, such as `spiffe://…`.
  public var serviceAccounts: [String] = []
  /// The labels of its workloads.
  public var selector: [String: String] = [:]
  /// The Kubernetes type, such as `ClusterIP`; empty for others.
  public var type = ""
  /// The host that it is another name of.
  public var externalName = ""
  /// Whether endpoints that are not ready are used.
  public var publishNotReadyAddresses = false
  /// Whether only endpoints of the proxy's node are used.
  public var isNodeLocal = false
  /// Which endpoints come first.
  public var trafficDistribution = TrafficDistribution.any
  /// Whether of all addresses of its name the first that answers is used, of any family
  /// (`istio.io/connect-strategy: RACE_FIRST_TCP_CONNECT`).
  public var racesConnections = false
  /// For passthrough, where the port to connect to is not the service's.
  public var passthroughTargetPorts: [UInt32: UInt32] = [:]
  /// Hosts that are other names of it, sorted.
  public var aliases: [ServiceKey] = []

  /// A service without ports and addresses.
  public init(
    key: ServiceKey, source: ObjectKey, registry: RegistryKind, resolution: Resolution,
    name: String
  ) {
    self.key = key
    self.source = source
    self.registry = registry
    self.resolution = resolution
    self.name = name
  }

  /// Its host.
  public var hostname: Hostname { key.hostname }
  /// Its namespace.
  public var namespace: String { key.namespace }
  /// Whether it has no address of its own, and endpoints are connected to directly.
  public var isHeadless: Bool {
    registry == .kubernetes && resolution == .passthrough
  }
  /// The port `number`.
  public func port(number: UInt32) -> ServicePort? { ports.first { $0.number == number } }
  /// The port `name`.
  public func port(named name: String) -> ServicePort? { ports.first { $0.name == name } }

  /// Whether this comes before `other`: age, then name, then namespace.
  public func isOlder(than other: MeshService) -> Bool {
    let (mine, theirs) = (creationTime ?? .min, other.creationTime ?? .min)
    if mine != theirs { return mine < theirs }
    if name != other.name { return name < other.name }
    return namespace < other.namespace
  }
}
