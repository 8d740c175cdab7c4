// SPDX-License-Identifier: Apache-2.0

public import Configuration

/// The workloads of a cluster's Pods, by name and by address.
public struct WorkloadIndex: Sendable {
  /// A Pod with what is known of it.
  public struct Entry: Hashable, Sendable {
    /// The Pod.
    public var pod: ConfigObject<Kubernetes.Pod>
    /// What runs in it.
    public var workload: Workload
  }

  private var byName: [DiscoveryTables.Name: Entry] = [:]
  private var byAddress: [String: [DiscoveryTables.Name]] = [:]
  private let settings: RegistrySettings

  /// The Pods of `tables`.
  public init(_ tables: DiscoveryTables, settings: RegistrySettings) {
    self.settings = settings
    for pod in tables.pods.values {
      insert(pod, node: tables.nodes[.init("", pod.spec.spec?.nodeName ?? "")])
    }
  }

  /// Takes `pod` in, in place of the one of its name.
  public mutating func insert(
    _ pod: ConfigObject<Kubernetes.Pod>, node: ConfigObject<Kubernetes.Node>?
  ) {
    let name = DiscoveryTables.Name(pod.meta.namespace, pod.meta.name)
    remove(name)
    byName[name] = Entry(pod: pod, workload: Pods.workload(pod, node: node, settings: settings))
    guard Pods.isLive(pod) else { return }
    for address in Pods.addresses(pod) { byAddress[address, default: []].append(name) }
  }

  /// Takes the Pod `name` out.
  public mutating func remove(_ name: DiscoveryTables.Name) {
    guard let old = byName.removeValue(forKey: name) else { return }
    for address in Pods.addresses(old.pod) {
      byAddress[address]?.removeAll { $0 == name }
      if byAddress[address]?.isEmpty == true { byAddress[address] = nil }
    }
  }

  /// The Pod `name`.
  public subscript(name: DiscoveryTables.Name) -> Entry? { byName[name] }

  /// The live Pods at `address`, sorted; several share it where they use their node's network.
  public func pods(at address: String) -> [Entry] {
    (byAddress[address] ?? []).compactMap { byName[$0] }.sorted {
      ($0.pod.meta.namespace, $0.pod.meta.name) < ($1.pod.meta.namespace, $1.pod.meta.name)
    }
  }

  /// All live Pods of `namespace` whose labels `selector` takes, sorted by name.
  public func pods(namespace: String, selector: [String: String]) -> [Entry] {
    byName.values.filter {
      $0.pod.meta.namespace == namespace && Pods.isLive($0.pod)
        && selects(selector, $0.workload.facts.labels)
    }.sorted { $0.pod.meta.name < $1.pod.meta.name }
  }

  /// What runs behind `address` of an EndpointSlice, and all addresses that it has there.
  ///
  /// Nil where a Pod is named that is not known, or that its IPv4 slice tells of.
  func find(
    _ address: String, _ endpoint: Kubernetes.Endpoint,
    of slice: ConfigObject<Kubernetes.EndpointSlice>, joinsFamilies: Bool
  ) -> (Workload, [String])? {
    guard let target = endpoint.targetRef, target.kind == "Pod" else {
      let atAddress = pods(at: address).first { $0.pod.meta.namespace == slice.meta.namespace }
      return (atAddress?.workload ?? stranger(at: address), [address])
    }
    let namespace = target.namespace.isEmpty ? slice.meta.namespace : target.namespace
    guard let entry = byName[.init(namespace, target.name)] else { return nil }
    let all = Pods.addresses(entry.pod)
    guard settings.isDualStack, joinsFamilies, all.count > 1 else {
      return (entry.workload, [address])
    }
    return slice.spec.addressType == "IPv6" ? nil : (entry.workload, all)
  }

  /// What is known of an address that no Pod has.
  private func stranger(at address: String) -> Workload {
    var facts = Workload.Facts()
    facts.cluster = settings.cluster
    facts.network = settings.network(address: address, labels: [:])
    facts.labels = [:].placed(
      Locality(), cluster: settings.cluster, node: "", network: facts.network)
    return Workload(facts)
  }
}
