// SPDX-License-Identifier: Apache-2.0

public import Configuration

/// What the conversion of services depends on besides the objects.
public struct RegistrySettings: Hashable, Sendable {
  /// The domain of the cluster's DNS.
  public var clusterDomain = "cluster.local"
  /// The id of the cluster that the objects are of.
  public var cluster = "Kubernetes"
  /// The trust domain of the cluster's identities.
  public var trustDomain = "cluster.local"
  /// The network of the cluster, from the label `topology.istio.io/network` of its root namespace.
  public var clusterNetwork = ""
  /// Where ServiceEntries without addresses get theirs from.
  public var allocationRanges = AddressAllocation.Ranges()
  /// Whether WorkloadEntries with health checks count only while they are healthy
  /// (`PILOT_ENABLE_WORKLOAD_ENTRY_HEALTHCHECKS`).
  public var heedsHealthChecks = true
  /// Whether Kubernetes Services select WorkloadEntries (`PILOT_ENABLE_K8S_SELECT_WORKLOAD_ENTRIES`).
  public var servicesSelectEntries = true
  /// Whether ServiceEntries select Pods (`PILOT_ENABLE_SERVICEENTRY_SELECT_PODS`).
  public var entriesSelectPods = true
  /// Whether hosts of ServiceEntries outside of the mesh have labels of a canonical service
  /// (`LABEL_CANONICAL_SERVICES_FOR_MESH_EXTERNAL_SERVICE_ENTRIES`).
  public var labelsExternalServices = false
  /// Whether addresses of ServiceEntries come from a hash of their names, as before there was a
  /// controller for it (`PILOT_ENABLE_IP_AUTOALLOCATE=false`).
  public var allocatesByHash = false
  /// Whether the addresses of a Pod of both families are one endpoint (`ISTIO_DUAL_STACK`).
  public var isDualStack = false
  private var networkRanges: [NamedRange] = []
  private var registryNetwork = ""

  private struct NamedRange: Hashable {
    var range: IPRange
    var network: String
  }

  /// The settings of a cluster in a mesh of `networks`.
  public init(cluster: String = "Kubernetes", networks: Istio.MeshNetworks = .init()) {
    self.cluster = cluster
    for (name, network) in networks.networks.sorted(by: { $0.key < $1.key }) {
      for endpoint in network.endpoints {
        switch endpoint {
        case .fromRegistry(cluster): registryNetwork = name
        case .fromCidr(let text):
          if let range = IPRange(text) { networkRanges.append(.init(range: range, network: name)) }
        case .fromRegistry, .unset: break
        }
      }
    }
  }

  /// The identity of a service account.
  public func identity(namespace: String, serviceAccount: String) -> String {
    "spiffe://\(trustDomain)/ns/\(namespace)/sa/\(serviceAccount)"
  }

  /// The network of a workload: its label, else its cluster's, else that of its address.
  public func network(address: String, labels: [String: String]) -> String {
    if let label = labels[WellKnownLabel.network], !label.isEmpty { return label }
    if !clusterNetwork.isEmpty { return clusterNetwork }
    if !registryNetwork.isEmpty { return registryNetwork }
    guard let address = IPAddress(address) else { return "" }
    return networkRanges.first { $0.range.contains(address) }?.network ?? ""
  }
}

/// Labels and annotations that say where something is and how it is reached.
public enum WellKnownLabel {
  /// The network of a workload.
  public static let network = "topology.istio.io/network"
  /// The cluster of a workload.
  public static let cluster = "topology.istio.io/cluster"
  /// The part of the zone of a node or workload.
  public static let subzone = "topology.istio.io/subzone"
  /// The region of a node or workload.
  public static let region = "topology.kubernetes.io/region"
  /// The zone of a node or workload.
  public static let zone = "topology.kubernetes.io/zone"
  /// The node of a workload.
  public static let node = "kubernetes.io/hostname"
  /// Whether a workload wants mutual TLS: `istio`, `disabled`.
  public static let tlsMode = "security.istio.io/tlsMode"
  /// The name of a workload, where that of its owner is not wanted.
  public static let workloadName = "service.istio.io/workload-name"
  /// The service of an EndpointSlice.
  public static let sliceService = "kubernetes.io/service-name"
  /// What metrics call the service of a workload.
  public static let canonicalName = "service.istio.io/canonical-name"
  /// What metrics call the version of a workload.
  public static let canonicalRevision = "service.istio.io/canonical-revision"
  /// Who may see a Kubernetes Service.
  public static let exportTo = "networking.istio.io/exportTo"
  /// Which endpoints come first.
  public static let trafficDistribution = "networking.istio.io/traffic-distribution"

  /// The canonical service and revision that labels give a workload of a name (istiod's order).
  public static func canonicalService(
    _ labels: [String: String], name: String
  ) -> (name: String, revision: String) {
    let named = [canonicalName, "app.kubernetes.io/name", "app"].lazy.compactMap { labels[$0] }
    let revisions = [canonicalRevision, "app.kubernetes.io/version", "version"].lazy
      .compactMap { labels[$0] }
    return (named.first ?? name, revisions.first ?? "latest")
  }

  /// The place that a workload's own labels give it, before that of its node.
  static func locality(_ labels: [String: String]) -> Locality? {
    guard let label = labels["topology.istio.io/locality"] ?? labels["istio-locality"],
      !label.isEmpty
    else { return nil }
    return Locality(label: label)
  }
}
