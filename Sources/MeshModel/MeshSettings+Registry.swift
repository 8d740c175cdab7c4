// SPDX-License-Identifier: Apache-2.0

import Configuration
public import ServiceDiscovery

extension MeshSettings {
  /// What the registry depends on: these settings, and the network that the label
  /// `topology.istio.io/network` of the root namespace gives the cluster.
  ///
  /// - Parameter other: The cluster of the objects; nil for the own one.
  public func registrySettings(
    for tables: DiscoveryTables, of other: String? = nil
  ) -> RegistrySettings {
    var settings = RegistrySettings(cluster: other ?? cluster, networks: networks)
    settings.clusterDomain = clusterDomain
    settings.trustDomain = mesh.trustDomain
    settings.isDualStack = feature("ISTIO_DUAL_STACK", default: false)
    settings.heedsHealthChecks = feature("PILOT_ENABLE_WORKLOAD_ENTRY_HEALTHCHECKS", default: true)
    settings.servicesSelectEntries = feature(
      "PILOT_ENABLE_K8S_SELECT_WORKLOAD_ENTRIES", default: true)
    settings.entriesSelectPods = feature("PILOT_ENABLE_SERVICEENTRY_SELECT_PODS", default: true)
    settings.labelsExternalServices = labelsExternalServices
    settings.allocatesByHash = !feature("PILOT_ENABLE_IP_AUTOALLOCATE", default: true)
    settings.allocationRanges = readsAllocatedAddresses ? .reportedOnly : allocationRanges
    let root = tables.namespaces[.init("", rootNamespace)]
    settings.clusterNetwork = root?.meta.labels[WellKnownLabel.network] ?? ""
    return settings
  }

  /// Whether services outside of the mesh are named by their own labels in metrics
  /// (`LABEL_CANONICAL_SERVICES_FOR_MESH_EXTERNAL_SERVICE_ENTRIES`).
  public var labelsExternalServices: Bool {
    feature("LABEL_CANONICAL_SERVICES_FOR_MESH_EXTERNAL_SERVICE_ENTRIES", default: false)
  }

  /// Where hosts of ServiceEntries without addresses get theirs from.
  public var allocationRanges: AddressAllocation.Ranges {
    AddressAllocation.Ranges(
      ipv4: features["PILOT_IP_AUTOALLOCATE_IPV4_PREFIX"],
      ipv6: features["PILOT_IP_AUTOALLOCATE_IPV6_PREFIX"])
  }
}
