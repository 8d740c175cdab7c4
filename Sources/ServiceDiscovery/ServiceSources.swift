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
  private let slices: [DiscoveryTables.Name: [ConfigObject<Kubernetes.EndpointSlice>]]
  private let declarations: [ServiceKey: [DiscoveryTables.Name]]
  private let external: [String: [ExternalWorkload]]
  private let externalByAddress: [String: [ExternalWorkload]]

  /// The objects of `tables`; `previous` addresses are kept.
  public init(
    _ tables: DiscoveryTables, settings: RegistrySettings, previous: AddressAllocation = .init()
  ) {
    self.tables = tables
    self.settings = settings
    self.workloads = WorkloadIndex(tables, settings: settings)
    allocation = AddressAllocation(entries: Array(tables.serviceEntries.values), previous: previous)
    slices = Dictionary(grouping: tables.endpointSlices.values) { slice in
      .init(slice.meta.namespace, slice.meta.labels[WellKnownLabel.sliceService] ?? "")
    }.mapValues { $0.sorted { $0.meta.name < $1.meta.name } }
    var declarations: [ServiceKey: [DiscoveryTables.Name]] = [:]
    for entry in tables.serviceEntries.values.sorted(by: { $0.meta.isOlder(than: $1.meta) }) {
      let name = DiscoveryTables.Name(entry.meta.namespace, entry.meta.name)
      for host in Set(entry.spec.hosts) {
        let key = ServiceKey(Hostname(valid: host), namespace: entry.meta.namespace)
        declarations[key, default: []].append(name)
      }
    }
    self.declarations = declarations
    let workloads = tables.workloadEntries.values.map {
      ExternalWorkload($0.spec, meta: $0.meta, settings: settings)
    }.sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) }
    external = Dictionary(grouping: workloads, by: \.namespace)
    externalByAddress = Dictionary(grouping: workloads, by: \.address)
  }

  /// Every service, without aliases, in no order.
  ///
  /// Several objects may declare one host in one namespace; each gives a service of its own.
  public func services() -> [MeshService] {
    tables.services.values.map {
      KubernetesServices.service($0, namespace: namespace($0.meta.namespace), settings: settings)
    } + tables.serviceEntries.values.flatMap(services)
  }

  /// The endpoints of `service`: those of every entry for its host, then those of Kubernetes.
  public func endpoints(of service: MeshService) -> [MeshEndpoint] {
    let declared = (declarations[service.key] ?? []).flatMap { name -> [MeshEndpoint] in
      guard let entry = tables.serviceEntries[name],
        let own = services(of: entry).first(where: { $0.key == service.key })
      else { return [] }
      return ExternalServices.endpoints(
        of: own, object: entry, entries: external[entry.meta.namespace] ?? [], pods: workloads,
        settings: settings)
    }
    guard service.registry == .kubernetes, service.resolution != .alias,
      let object = tables.services[.init(service.namespace, service.name)]
    else { return declared }
    return declared
      + KubernetesEndpoints.endpoints(
        of: service, slices: slices[.init(service.namespace, service.name)] ?? [],
        workloads: workloads)
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
    return Set(awaited).sorted()
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
