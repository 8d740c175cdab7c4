// SPDX-License-Identifier: Apache-2.0

public import Configuration

/// A workload outside of Kubernetes: a WorkloadEntry, or an endpoint of a ServiceEntry.
public struct ExternalWorkload: Hashable, Sendable {
  /// What is known of it.
  public var workload: Workload
  /// The namespace of its object.
  public var namespace: String
  /// The name of its object.
  public var name: String
  /// An IP, a name for DNS, or `unix://` and a path; empty where a network's gateway leads there.
  public var address: String
  /// Its ports by the names of a service's.
  public var ports: [String: UInt32]
  /// How it is: known of Pods only.
  public var health = MeshEndpoint.Health.unknown

  /// What `entry` tells, under the metadata of its object.
  public init(_ entry: Istio.WorkloadEntry, meta: ObjectMeta, settings: RegistrySettings) {
    namespace = meta.namespace
    name = meta.name
    address = entry.address
    ports = entry.ports
    var facts = Workload.Facts()
    // The labels of the object count before those of its spec.
    let labels = entry.labels.merging(meta.labels) { $1 }
    facts.name =
      meta.annotations["istio.io/autoRegistrationGroup"] ?? meta.labels[WellKnownLabel.workloadName]
      ?? meta.name
    facts.namespace = meta.namespace
    facts.locality =
      entry.locality.isEmpty
      ? WellKnownLabel.locality(labels) ?? Locality() : Locality(path: entry.locality)
    // Without a network of its own it is reachable from all, whatever its labels tell.
    facts.network = entry.network
    facts.cluster = settings.cluster
    facts.weight = entry.weight
    if !entry.serviceAccount.isEmpty {
      facts.serviceAccount = settings.identity(
        namespace: meta.namespace, serviceAccount: entry.serviceAccount)
    }
    facts.tlsMode =
      labels[WellKnownLabel.tlsMode] ?? (entry.serviceAccount.isEmpty ? "disabled" : "istio")
    facts.labels = labels.placed(
      facts.locality, cluster: settings.cluster, node: "",
      network: entry.network.isEmpty
        ? settings.network(address: entry.address, labels: labels) : entry.network)
    workload = Workload(facts)
  }

  /// What runs in a Pod, as a workload that a ServiceEntry may select.
  init(_ entry: WorkloadIndex.Entry) {
    workload = entry.workload
    namespace = entry.pod.meta.namespace
    name = entry.pod.meta.name
    address = Pods.addresses(entry.pod).first ?? ""
    ports = Pods.portMap(entry.pod)
    health = .healthy
  }

  /// Whether it is reached by an IP, or through a network's gateway.
  var isAddressed: Bool { address.isEmpty || IPAddress(address) != nil }
}

/// Makes services of ServiceEntries.
public enum ExternalServices {
  /// The services that `object` declares, one a host.
  public static func services(
    _ object: ConfigObject<Istio.ServiceEntry>,
    namespace: ConfigObject<Kubernetes.Namespace>?, allocation: AddressAllocation,
    settings: RegistrySettings
  ) -> [MeshService] {
    var hosts: Set<String> = []
    return object.spec.hosts.filter { hosts.insert($0).inserted }.map { host in
      var service = service(host, of: object, settings: settings)
      service.trafficDistribution = KubernetesServices.trafficDistribution(
        "", object.meta.annotations, namespace?.meta.annotations ?? [:])
      service.racesConnections =
        object.meta.annotations["istio.io/connect-strategy"]?.uppercased()
        == "RACE_FIRST_TCP_CONNECT"
      if object.spec.addresses.isEmpty {
        service.autoAllocated = allocation.addresses(
          of: .init(namespace: object.meta.namespace, entry: object.meta.name, host: host))
      }
      return service
    }
  }

  /// The endpoints of one `service` of `object`; `entries` are those of its namespace, `pods` those of
  /// each cluster.
  public static func endpoints(
    of service: MeshService, object: ConfigObject<Istio.ServiceEntry>,
    entries: [ExternalWorkload], pods: [WorkloadIndex], settings: RegistrySettings
  ) -> [MeshEndpoint] {
    let entry = object.spec
    let isDNS = service.resolution == .dnsLB || service.resolution == .dnsRoundRobinLB
    let found: [ExternalWorkload]
    if let selector = entry.workloadSelector {
      let ofPods = pods.flatMap {
        $0.pods(namespace: object.meta.namespace, selector: selector.labels)
      }.filter { settings.entriesSelectPods && Pods.isReady($0.pod) }
      let outside = entries.filter {
        selects(selector.labels, $0.workload.facts.labels)
      }.sorted { $0.name < $1.name }
      found = ofPods.map(ExternalWorkload.init) + outside.filter { isDNS || $0.isAddressed }
    } else if entry.endpoints.isEmpty && isDNS {
      return hostEndpoints(of: service, object: object, settings: settings)
    } else {
      found = entry.endpoints.enumerated().map { index, endpoint in
        var meta = ObjectMeta(
          name: "\(object.meta.name)-\(index)", namespace: object.meta.namespace)
        meta.labels = [:]
        return ExternalWorkload(endpoint, meta: meta, settings: settings)
      }
    }
    return found.flatMap { workload in entry.ports.map { endpoint(workload, $0) } }
  }

  private static func service(
    _ host: String, of object: ConfigObject<Istio.ServiceEntry>, settings: RegistrySettings
  ) -> MeshService {
    let entry = object.spec
    let meta = object.meta
    var service = MeshService(
      key: ServiceKey(Hostname(valid: host), namespace: meta.namespace),
      source: ObjectKey(kind: object.kind, namespace: meta.namespace, name: meta.name),
      registry: .external, resolution: resolution(entry.resolution), name: host)
    service.ports = entry.ports.map {
      ServicePort(name: $0.name, number: $0.number, protocol: PortProtocol(name: $0.protocol))
    }
    service.addresses[settings.cluster] = entry.addresses.compactMap(normalised)
    service.isMeshExternal = entry.location == .meshExternal
    service.exportTo = Set(entry.exportTo)
    service.labels = meta.labels
    if settings.labelsExternalServices, service.isMeshExternal {
      let (name, revision) = WellKnownLabel.canonicalService(meta.labels, name: meta.name)
      service.labels[WellKnownLabel.canonicalName] = name
      service.labels[WellKnownLabel.canonicalRevision] = revision
    }
    service.creationTime = meta.creationTime
    service.serviceAccounts = entry.subjectAltNames
    service.selector = entry.workloadSelector?.labels ?? [:]
    if service.resolution == .passthrough {
      for port in entry.ports where port.targetPort != 0 {
        service.passthroughTargetPorts[port.number] = port.targetPort
      }
    }
    return service
  }

  private static func resolution(_ resolution: Istio.ServiceEntry.Resolution) -> Resolution {
    switch resolution {
    case .none: .passthrough
    case .static: .clientSideLB
    case .dns: .dnsLB
    case .dnsRoundRobin: .dnsRoundRobinLB
    case .dynamicDns: .dynamicDNS
    }
  }

  /// An address or range as it is compared: the range of one address is that address.
  private static func normalised(_ text: String) -> String? {
    if IPAddress(text) != nil { return text }
    guard let range = IPRange(text) else { return nil }
    return range.isSingle ? range.address.description : text
  }

  /// A service of DNS without endpoints has its own host as one.
  private static func hostEndpoints(
    of service: MeshService, object: ConfigObject<Istio.ServiceEntry>, settings: RegistrySettings
  ) -> [MeshEndpoint] {
    var facts = Workload.Facts()
    facts.name = object.meta.name
    facts.namespace = object.meta.namespace
    facts.cluster = settings.cluster
    let workload = Workload(facts)
    return object.spec.ports.map {
      MeshEndpoint(
        workload: workload, addresses: [service.hostname.text],
        port: $0.targetPort > 0 ? $0.targetPort : $0.number, portName: $0.name,
        servicePort: $0.number, health: .unknown)
    }
  }

  private static func endpoint(
    _ workload: ExternalWorkload, _ port: Istio.ServicePort
  ) -> MeshEndpoint {
    let socket = "unix://"
    if workload.address.hasPrefix(socket) {
      return MeshEndpoint(
        workload: workload.workload, addresses: [String(workload.address.dropFirst(socket.count))],
        port: 0, portName: port.name, servicePort: port.number, health: workload.health)
    }
    let own = workload.ports[port.name] ?? 0
    let number = own > 0 ? own : port.targetPort > 0 ? port.targetPort : port.number
    return MeshEndpoint(
      workload: workload.workload, addresses: [workload.address], port: number, portName: port.name,
      servicePort: port.number, health: workload.health)
  }
}
