// SPDX-License-Identifier: Apache-2.0

import Configuration

/// The objects of a cluster, arranged by the services that they tell of.
///
/// Each service and its endpoints are made apart from all others, so that whoever knows what a change
/// touches asks for that only.
public struct ServiceSources: Sendable {
  /// What the conversion depends on besides the objects.
  public let settings: RegistrySettings
  /// The Pods.
  public let workloads: WorkloadIndex
  /// The addresses given to hosts that have none.
  public let allocation: AddressAllocation
  /// The objects.
  public let tables: DiscoveryTables
  /// The mesh's other clusters, by their ids in order.
  public let remotes: [ServiceSources]
  private let slices: [DiscoveryTables.Name: [ConfigObject<Kubernetes.EndpointSlice>]]
  private let declarations: [ServiceKey: [DiscoveryTables.Name]]
  private let external: [String: [ExternalWorkload]]
  private let externalByAddress: [String: [ExternalWorkload]]

  /// The objects of `tables`; of `previous` are kept the addresses given to hosts, and every
  /// arrangement of objects that are the same.
  public init(
    _ tables: DiscoveryTables, settings: RegistrySettings, remotes: [ServiceSources] = [],
    previous: ServiceSources? = nil
  ) {
    self.tables = tables
    self.remotes = remotes
    self.settings = settings
    let known = previous.flatMap { $0.settings == settings ? $0 : nil }
    workloads = Self.workloads(tables, settings, known)
    slices = Self.slices(tables, known)
    if let known, known.tables.serviceEntries == tables.serviceEntries {
      allocation = known.allocation
      declarations = known.declarations
    } else {
      let entries = Array(tables.serviceEntries.values)
      let isReading = settings.allocationRanges == .reportedOnly
      allocation =
        settings.allocatesByHash
        ? AddressAllocation(hashing: entries)
        : AddressAllocation(
          entries: entries, previous: isReading ? .init() : previous?.allocation ?? .init(),
          ranges: settings.allocationRanges)
      declarations = Self.declarations(tables)
    }
    if let known, known.tables.workloadEntries == tables.workloadEntries {
      external = known.external
      externalByAddress = known.externalByAddress
    } else {
      let workloads = tables.workloadEntries.values.filter {
        !settings.heedsHealthChecks || $0.isHealthy
      }.map {
        ExternalWorkload($0.spec, meta: $0.meta, settings: settings)
      }.sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) }
      external = Dictionary(grouping: workloads, by: \.namespace)
      externalByAddress = Dictionary(grouping: workloads, by: \.address)
    }
  }

  private static func workloads(
    _ tables: DiscoveryTables, _ settings: RegistrySettings, _ known: ServiceSources?
  ) -> WorkloadIndex {
    guard let known, known.tables.nodes == tables.nodes else {
      return WorkloadIndex(tables, settings: settings)
    }
    var workloads = known.workloads
    for name in tables.pods.names(differingFrom: known.tables.pods) {
      if let pod = tables.pods[name] {
        workloads.insert(pod, node: tables.nodes[.init("", pod.spec.spec?.nodeName ?? "")])
      } else {
        workloads.remove(name)
      }
    }
    return workloads
  }

  private typealias Slices = [DiscoveryTables.Name: [ConfigObject<Kubernetes.EndpointSlice>]]

  private static func slices(_ tables: DiscoveryTables, _ known: ServiceSources?) -> Slices {
    guard let known else {
      return Dictionary(grouping: tables.endpointSlices.values, by: \.service)
        .mapValues { $0.sorted { $0.meta.name < $1.meta.name } }
    }
    var slices = known.slices
    for name in tables.endpointSlices.names(differingFrom: known.tables.endpointSlices) {
      if let old = known.tables.endpointSlices[name] {
        slices[old.service]?.removeAll { $0 === old }
        if slices[old.service]?.isEmpty == true { slices[old.service] = nil }
      }
      guard let new = tables.endpointSlices[name] else { continue }
      slices[new.service, default: []].append(new)
      slices[new.service]?.sort { $0.meta.name < $1.meta.name }
    }
    return slices
  }

  private static func declarations(
    _ tables: DiscoveryTables
  ) -> [ServiceKey: [DiscoveryTables.Name]] {
    var declarations: [ServiceKey: [DiscoveryTables.Name]] = [:]
    for entry in tables.serviceEntries.values.sorted(by: { $0.meta.isOlder(than: $1.meta) }) {
      let name = DiscoveryTables.Name(entry.meta.namespace, entry.meta.name)
      for host in Set(entry.spec.hosts) {
        let key = ServiceKey(Hostname(valid: host), namespace: entry.meta.namespace)
        declarations[key, default: []].append(name)
      }
    }
    return declarations
  }

  /// Whether Pods and workloads outside of Kubernetes are the same, and settings too.
  func hasSameWorkloads(as other: ServiceSources) -> Bool {
    settings == other.settings && tables.pods == other.tables.pods
      && tables.nodes == other.tables.nodes
      && tables.workloadEntries == other.tables.workloadEntries
      && remotes.count == other.remotes.count
      && zip(remotes, other.remotes).allSatisfy { $0.hasSameWorkloads(as: $1) }
  }

  /// Whether the objects that tell of a service's endpoints, besides workloads, are the same.
  func hasSameDeclarations(of service: MeshService, as other: ServiceSources) -> Bool {
    let entries = declarations[service.key] ?? []
    guard entries == other.declarations[service.key] ?? [],
      entries.allSatisfy({ tables.serviceEntries[$0] === other.tables.serviceEntries[$0] }),
      zip(remotes, other.remotes).allSatisfy({ $0.hasSameDeclarations(of: service, as: $1) })
    else { return false }
    guard service.registry == .kubernetes else { return true }
    let name = DiscoveryTables.Name(service.namespace, service.name)
    guard tables.services[name] === other.tables.services[name] else { return false }
    let (mine, theirs) = (slices[name] ?? [], other.slices[name] ?? [])
    return mine.count == theirs.count && zip(mine, theirs).allSatisfy { $0 === $1 }
  }

  /// What became of a ServiceEntry's endpoints since other sources; nil where more of it differs.
  ///
  /// Its services, and the addresses of which it says something else.
  public func endpointChange(
    of name: DiscoveryTables.Name, since other: ServiceSources
  ) -> (services: Set<ServiceKey>, addresses: Set<String>)? {
    guard let new = tables.serviceEntries[name], let old = other.tables.serviceEntries[name],
      settings == other.settings
    else { return nil }
    let declared = services(of: new)
    guard declared == other.services(of: old) else { return nil }
    let endpoints = Set(new.spec.endpoints).symmetricDifference(old.spec.endpoints)
    return (Set(declared.map(\.key)), Set(endpoints.map(\.address)))
  }

  /// Every service, without aliases, in no order.
  ///
  /// Several objects may declare one host in one namespace; each gives a service of its own.
  public func services() -> [MeshService] {
    mergedServices() + tables.serviceEntries.values.flatMap(services)
  }

  /// The Kubernetes Services of this cluster alone.
  var clusterServices: [MeshService] {
    tables.services.values.map {
      KubernetesServices.service($0, namespace: namespace($0.meta.namespace), settings: settings)
    }
  }

  /// The Kubernetes Services of all clusters, one a name.
  ///
  /// As in istiod the first cluster that has one says what it is, its own before others by id; the
  /// others add the addresses that it has there, and identities.
  private func mergedServices() -> [MeshService] {
    var merged = clusterServices
    guard !remotes.isEmpty else { return merged }
    var places = Dictionary(
      merged.enumerated().map { ($0.element.key, $0.offset) }, uniquingKeysWith: { $1 })
    for service in remotes.flatMap(\.clusterServices) {
      if let place = places[service.key] {
        merged[place].merge(service)
      } else {
        places[service.key] = merged.count
        merged.append(service)
      }
    }
    return merged
  }

  /// The Services of other clusters that are reached from outside of them: perhaps ways into networks.
  var remoteEntrances: [MeshService] {
    remotes.flatMap(\.clusterServices).filter { !$0.externalAddresses.isEmpty }
      .sorted { ($0.namespace, $0.name, $0.cluster) < ($1.namespace, $1.name, $1.cluster) }
  }

  /// What is known of the cluster of a proxy: the own one where that is no other.
  func near(_ cluster: String) -> ServiceSources {
    remotes.first { $0.settings.cluster == cluster } ?? self
  }

  /// The endpoints of `service`: those of this cluster, then of others in order.
  public func endpoints(of service: MeshService) -> [MeshEndpoint] {
    clusterEndpoints(of: service) + remotes.flatMap { $0.clusterEndpoints(of: service) }
  }

  /// The endpoints of `service` here: those of every entry for its host, which selects workloads of
  /// all clusters, then those of Kubernetes.
  private func clusterEndpoints(of service: MeshService) -> [MeshEndpoint] {
    let declared = (declarations[service.key] ?? []).flatMap { name -> [MeshEndpoint] in
      guard let entry = tables.serviceEntries[name],
        let own = services(of: entry).first(where: { $0.key == service.key })
      else { return [] }
      let all = [self] + remotes
      return ExternalServices.endpoints(
        of: own, object: entry,
        entries: all.flatMap { $0.external[entry.meta.namespace] ?? [] },
        pods: all.map(\.workloads), settings: settings)
    }
    guard service.registry == .kubernetes, service.resolution != .alias,
      let object = tables.services[.init(service.namespace, service.name)]
    else { return declared }
    let here = KubernetesEndpoints.endpoints(
      of: service, slices: slices[.init(service.namespace, service.name)] ?? [],
      workloads: workloads)
    guard settings.servicesSelectEntries else { return declared + here }
    return declared + here
      + KubernetesEndpoints.endpoints(
        of: service, object: object, entries: external[service.namespace] ?? [])
  }

  /// The addresses of a Kubernetes service's endpoints whose Pod is named but not known, sorted.
  func addressesAwaitingPods(of service: MeshService) -> [String] {
    guard service.registry == .kubernetes else { return [] }
    let slices = slices[.init(service.namespace, service.name)] ?? []
    let awaited = slices.flatMap { slice in
      slice.spec.endpoints.filter { endpoint in
        guard let target = endpoint.targetRef, target.kind == "Pod" else { return false }
        let namespace = target.namespace.isEmpty ? slice.meta.namespace : target.namespace
        return workloads[.init(namespace, target.name)] == nil
      }.flatMap(\.addresses)
    }
    return Set(awaited + remotes.flatMap { $0.addressesAwaitingPods(of: service) }).sorted()
  }

  /// The Kubernetes object of `service`, if it has one.
  func object(of service: MeshService) -> ConfigObject<Kubernetes.Service>? {
    guard service.registry == .kubernetes else { return nil }
    return tables.services[.init(service.namespace, service.name)]
  }

  /// The workload outside of Kubernetes at `address`, in `namespace` where there are several.
  func external(at address: String, namespace: String) -> ExternalWorkload? {
    let found = externalByAddress[address] ?? []
    return found.first { $0.namespace == namespace } ?? found.first
      ?? remotes.lazy.compactMap { $0.external(at: address, namespace: namespace) }.first
  }

  private func services(of entry: ConfigObject<Istio.ServiceEntry>) -> [MeshService] {
    ExternalServices.services(
      entry, namespace: namespace(entry.meta.namespace), allocation: allocation,
      settings: settings)
  }

  private func namespace(_ name: String) -> ConfigObject<Kubernetes.Namespace>? {
    tables.namespaces[.init("", name)]
  }
}

extension ConfigObject<Kubernetes.EndpointSlice> {
  /// The service that it tells of.
  fileprivate var service: DiscoveryTables.Name {
    .init(meta.namespace, meta.labels[WellKnownLabel.sliceService] ?? "")
  }
}

extension Dictionary where Value: AnyObject {
  /// The keys of what is here and not there, there and not here, or not the same object.
  fileprivate func names(differingFrom other: Self) -> [Key] {
    let changed = filter { other[$0.key] !== $0.value }.map(\.key)
    let removed = other.keys.filter { self[$0] == nil }
    return changed + removed
  }
}

extension ConfigObject<Istio.WorkloadEntry> {
  /// Whether the workload takes requests: one whose health is checked does once somebody said so.
  fileprivate var isHealthy: Bool {
    let checks = meta.annotations["proxy.istio.io/health-checks-enabled"]?.lowercased()
    return checks != "true" && checks != "1" || status.isHealthy ?? false
  }
}
