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

  /// The labels of which as many as possible, from the first on, shall be those of the proxy.
  public var labels: [String] {
    let zone = [WellKnownLabel.network, WellKnownLabel.region, WellKnownLabel.zone]
    return switch self {
    case .any: []
    case .preferSameZone: zone
    case .preferSameNode: zone + [WellKnownLabel.subzone, WellKnownLabel.node]
    }
  }
}

/// Where a service was declared.
public enum RegistryKind: String, Hashable, Sendable {
  /// A Kubernetes Service.
  case kubernetes = "Kubernetes"
  /// A ServiceEntry.
  case external = "External"
}

/// A service of the mesh, as translation sees it.
///
/// A value that is copied by counting: all that is known of a service stands in one box, which
/// copies share until one of them is changed.
public struct MeshService: Hashable, Sendable {
  // SAFETY: only written through the one value that refers to it, before others do.
  fileprivate final class Box: @unchecked Sendable {
    var facts: Facts
    init(_ facts: Facts) { self.facts = facts }
  }

  private var box: Box

  private mutating func unshare() {
    if !isKnownUniquelyReferenced(&box) { box = Box(box.facts) }
  }

  /// Whether the same is known of two services.
  public static func == (left: MeshService, right: MeshService) -> Bool {
    left.box === right.box || left.box.facts == right.box.facts
  }

  /// One state of one service: a key that is compared and hashed at once.
  public struct Identity: Hashable, Sendable {
    private let box: Box

    fileprivate init(_ box: Box) { self.box = box }

    /// Whether both are of one box.
    public static func == (left: Identity, right: Identity) -> Bool { left.box === right.box }

    /// Adds the identity of the box, which the key keeps alive.
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(box)) }
  }

  /// This state of the service; copies share it, equal services need not.
  public var identity: Identity { Identity(box) }

  /// Adds the name and the ports: the rest is left to equality.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(box.facts.key)
    hasher.combine(box.facts.ports)
  }

  /// A service without ports and addresses.
  public init(
    key: ServiceKey, source: ObjectKey, registry: RegistryKind, resolution: Resolution,
    name: String
  ) {
    box = Box(
      Facts(key: key, source: source, registry: registry, resolution: resolution, name: name))
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

extension MeshService {
  /// Its host and namespace.
  public var key: ServiceKey {
    get { box.facts.key }
    set {
      unshare()
      box.facts.key = newValue
    }
  }
  /// The object that declares it.
  public var source: ObjectKey {
    get { box.facts.source }
    set {
      unshare()
      box.facts.source = newValue
    }
  }
  /// Where it was declared.
  public var registry: RegistryKind {
    get { box.facts.registry }
    set {
      unshare()
      box.facts.registry = newValue
    }
  }
  /// How endpoints are found.
  public var resolution: Resolution {
    get { box.facts.resolution }
    set {
      unshare()
      box.facts.resolution = newValue
    }
  }
  /// The Kubernetes Service's name; of a ServiceEntry, the host.
  public var name: String {
    get { box.facts.name }
    set {
      unshare()
      box.facts.name = newValue
    }
  }
  /// Its ports in the order of their declaration.
  public var ports: [ServicePort] {
    get { box.facts.ports }
    set {
      unshare()
      box.facts.ports = newValue
    }
  }
  /// Its addresses for a cluster's clients, by the cluster's id: IPs, or ranges of a ServiceEntry.
  public var addresses: [String: [String]] {
    get { box.facts.addresses }
    set {
      unshare()
      box.facts.addresses = newValue
    }
  }
  /// The addresses that the mesh gave it because it has none: IPv4, IPv6.
  public var autoAllocated: [String] {
    get { box.facts.autoAllocated }
    set {
      unshare()
      box.facts.autoAllocated = newValue
    }
  }
  /// The addresses outside of a cluster (load balancer, `externalIPs`), by the cluster's id.
  public var externalAddresses: [String: [String]] {
    get { box.facts.externalAddresses }
    set {
      unshare()
      box.facts.externalAddresses = newValue
    }
  }
  /// The node ports of the service's ports, by the cluster's id.
  public var nodePorts: [String: [UInt32: UInt32]] {
    get { box.facts.nodePorts }
    set {
      unshare()
      box.facts.nodePorts = newValue
    }
  }
  /// Whether it runs outside of the mesh.
  public var isMeshExternal: Bool {
    get { box.facts.isMeshExternal }
    set {
      unshare()
      box.facts.isMeshExternal = newValue
    }
  }
  /// Who may see it: namespaces, `.`, `*` or `~`; empty is the mesh's default.
  public var exportTo: Set<String> {
    get { box.facts.exportTo }
    set {
      unshare()
      box.facts.exportTo = newValue
    }
  }
  /// The labels of the object.
  public var labels: [String: String] {
    get { box.facts.labels }
    set {
      unshare()
      box.facts.labels = newValue
    }
  }
  /// When the object was made, in seconds since 1970.
  public var creationTime: Int64? {
    get { box.facts.creationTime }
    set {
      unshare()
      box.facts.creationTime = newValue
    }
  }
  /// Identities that its endpoints may have besides their own, such as `spiffe://…`.
  public var serviceAccounts: [String] {
    get { box.facts.serviceAccounts }
    set {
      unshare()
      box.facts.serviceAccounts = newValue
    }
  }
  /// The labels of its workloads.
  public var selector: [String: String] {
    get { box.facts.selector }
    set {
      unshare()
      box.facts.selector = newValue
    }
  }
  /// The Kubernetes type, such as `ClusterIP`; empty for others.
  public var type: String {
    get { box.facts.type }
    set {
      unshare()
      box.facts.type = newValue
    }
  }
  /// The host that it is another name of.
  public var externalName: String {
    get { box.facts.externalName }
    set {
      unshare()
      box.facts.externalName = newValue
    }
  }
  /// Whether endpoints that are not ready are used.
  public var publishNotReadyAddresses: Bool {
    get { box.facts.publishNotReadyAddresses }
    set {
      unshare()
      box.facts.publishNotReadyAddresses = newValue
    }
  }
  /// Whether only endpoints of the proxy's node are used.
  public var isNodeLocal: Bool {
    get { box.facts.isNodeLocal }
    set {
      unshare()
      box.facts.isNodeLocal = newValue
    }
  }
  /// Which endpoints come first.
  public var trafficDistribution: TrafficDistribution {
    get { box.facts.trafficDistribution }
    set {
      unshare()
      box.facts.trafficDistribution = newValue
    }
  }
  /// Whether of all addresses of its name the first that answers is used, of any family
  /// (`istio.io/connect-strategy: RACE_FIRST_TCP_CONNECT`).
  public var racesConnections: Bool {
    get { box.facts.racesConnections }
    set {
      unshare()
      box.facts.racesConnections = newValue
    }
  }
  /// For passthrough, where the port to connect to is not the service's.
  public var passthroughTargetPorts: [UInt32: UInt32] {
    get { box.facts.passthroughTargetPorts }
    set {
      unshare()
      box.facts.passthroughTargetPorts = newValue
    }
  }
  /// Hosts that are other names of it, sorted.
  public var aliases: [ServiceKey] {
    get { box.facts.aliases }
    set {
      unshare()
      box.facts.aliases = newValue
    }
  }
}

extension MeshService {
  fileprivate struct Facts: Hashable, Sendable {
    var key: ServiceKey
    var source: ObjectKey
    var registry: RegistryKind
    var resolution: Resolution
    var name: String
    var ports: [ServicePort] = []
    var addresses: [String: [String]] = [:]
    var autoAllocated: [String] = []
    var externalAddresses: [String: [String]] = [:]
    var nodePorts: [String: [UInt32: UInt32]] = [:]
    var isMeshExternal: Bool = false
    var exportTo: Set<String> = []
    var labels: [String: String] = [:]
    var creationTime: Int64?
    var serviceAccounts: [String] = []
    var selector: [String: String] = [:]
    var type: String = ""
    var externalName: String = ""
    var publishNotReadyAddresses: Bool = false
    var isNodeLocal: Bool = false
    var trafficDistribution: TrafficDistribution = TrafficDistribution.any
    var racesConnections = false
    var passthroughTargetPorts: [UInt32: UInt32] = [:]
    var aliases: [ServiceKey] = []
  }
}
