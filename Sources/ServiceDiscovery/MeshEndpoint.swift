// SPDX-License-Identifier: Apache-2.0

/// Where something runs: region, zone, subzone; each may be empty.
public struct Locality: Hashable, Sendable, CustomStringConvertible {
  /// The region.
  public var region: String
  /// The zone in the region.
  public var zone: String
  /// The part of the zone.
  public var subzone: String

  /// A place.
  public init(region: String = "", zone: String = "", subzone: String = "") {
    self.region = region
    self.zone = zone
    self.subzone = subzone
  }

  /// The place that `region/zone/subzone` writes.
  public init(path: String) {
    let parts = path.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    self.init(
      region: parts.first.map(String.init) ?? "",
      zone: parts.count > 1 ? String(parts[1]) : "",
      subzone: parts.count > 2 ? String(parts[2]) : "")
  }

  /// The place that a label writes, where `.` may stand for `/`.
  public init(label: String) {
    self.init(
      path: label.contains("/")
        ? label
        : label.split(
          separator: ".", omittingEmptySubsequences: false
        ).joined(separator: "/"))
  }

  /// Whether nothing is known.
  public var isEmpty: Bool { region.isEmpty && zone.isEmpty && subzone.isEmpty }

  /// `region/zone/subzone`; empty where nothing is known.
  public var description: String { isEmpty ? "" : "\(region)/\(zone)/\(subzone)" }
}

/// What runs behind endpoints: shared by the endpoints of all its ports and services.
public final class Workload: Hashable, Sendable {
  /// What is known of it.
  public struct Facts: Hashable, Sendable {
    /// The name, as metrics show it: of the Deployment rather than of the Pod.
    public var name = ""
    /// The namespace.
    public var namespace = ""
    /// The labels, with those of its place in the mesh added.
    public var labels: [String: String] = [:]
    /// Its identity, `spiffe://…`; empty where there is none.
    public var serviceAccount = ""
    /// Where it runs.
    public var locality = Locality()
    /// The network that it is reachable in; empty where there is one only.
    public var network = ""
    /// The cluster that told of it.
    public var cluster = ""
    /// How it wants to be connected to: `istio` or `disabled`.
    public var tlsMode = "disabled"
    /// The node that it runs on.
    public var nodeName = ""
    /// The name of its own under a headless service, with `subdomain`.
    public var hostname = ""
    /// The headless service that gives it a name of its own.
    public var subdomain = ""
    /// The share of the load; 0 is 1.
    public var weight: UInt32 = 0

    /// Nothing.
    public init() {}
  }

  /// What is known of it.
  public let facts: Facts

  /// A workload of which `facts` are known.
  public init(_ facts: Facts) { self.facts = facts }

  /// Whether the same is known of two workloads.
  public static func == (left: Workload, right: Workload) -> Bool {
    left === right || left.facts == right.facts
  }
  /// Adds the facts.
  public func hash(into hasher: inout Hasher) { hasher.combine(facts) }
}

/// One address and port behind a port of a service.
public struct MeshEndpoint: Hashable, Sendable {
  /// How it is.
  public enum Health: String, Hashable, Sendable {
    /// Nothing is known, which counts as healthy: of workloads outside of Kubernetes.
    case unknown
    /// It takes requests.
    case healthy
    /// It takes none now.
    case unhealthy
    /// It takes those of sessions that it has.
    case draining
    /// It goes away.
    case terminating
  }

  /// What runs there.
  public var workload: Workload
  /// Its addresses, the first the main one; a path for a Unix socket, a name for DNS.
  public var addresses: [String]
  /// Its port; 0 for a Unix socket.
  public var port: UInt32
  /// The service's port that leads there.
  public var portName: String
  /// The number of the service's port; 0 where ``portName`` alone says which it is.
  public var servicePort: UInt32
  /// How it is.
  public var health: Health
  /// Whether the proxy is told of it even while it is unhealthy.
  public var sendUnhealthy: Bool

  /// An endpoint.
  public init(
    workload: Workload, addresses: [String], port: UInt32, portName: String,
    servicePort: UInt32 = 0, health: Health = .healthy, sendUnhealthy: Bool = false
  ) {
    self.workload = workload
    self.addresses = addresses
    self.port = port
    self.portName = portName
    self.servicePort = servicePort
    self.health = health
    self.sendUnhealthy = sendUnhealthy
  }

  /// Whether it is behind `port` of its service.
  ///
  /// Where several objects declare one host, ports of ServiceEntries are told apart by number.
  public func serves(_ port: ServicePort) -> Bool {
    servicePort == 0 ? portName == port.name : servicePort == port.number
  }
}
