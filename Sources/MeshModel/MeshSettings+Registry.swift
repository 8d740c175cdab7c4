// SPDX-License-Identifier: Apache-2.0

import Configuration
public import ServiceDiscovery

extension MeshSettings {
  /// What the registry depends on: these settings, and the network that the label
  /// `topology.istio.io/network` of the root namespace gives the cluster.
  public func registrySettings(for tables: DiscoveryTables) -> RegistrySettings {
    var settings = RegistrySettings(cluster: cluster, networks: networks)
    settings.clusterDomain = clusterDomain
    settings.trustDomain = mesh.trustDomain
    settings.isDualStack = feature("ISTIO_DUAL_STACK", default: false)
    let root = tables.namespaces[.init("", rootNamespace)]
    settings.clusterNetwork = root?.meta.labels[WellKnownLabel.network] ?? ""
    return settings
  }
}
