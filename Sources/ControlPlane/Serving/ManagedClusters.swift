// SPDX-License-Identifier: Apache-2.0

import Introspection
import KubernetesSource
import Metrics

/// The clusters of the mesh as operators see them.
struct ManagedClusters: Sendable {
  private let source: any ConfigurationSource
  private let own: String

  /// The cluster `own` and those that `source` reads beside it.
  init(_ source: any ConfigurationSource, own: String) {
    self.source = source
    self.own = own
  }

  /// The clusters, the own one first.
  var entries: [ManagedCluster] {
    let isSynced = source.missing.isEmpty && source.standInAge == nil
    let here = ManagedCluster(id: own, secret: "", status: isSynced ? "synced" : "syncing")
    return [here]
      + source.remoteClusters.map {
        ManagedCluster(id: $0.id, secret: $0.secret, status: $0.status.rawValue)
      }
  }

  /// Shows istiod's figures of clusters; the clusters for pages.
  func shown(in registry: MetricsRegistry) -> @Sendable () -> [ManagedCluster] {
    registry.callback(
      MetricDescription(
        name: "istiod_managed_clusters", help: "Number of clusters managed by istiod",
        labels: ["cluster_type"])
    ) { [(["local"], 1), (["remote"], Double(source.remoteClusters.count))] }
    registry.callback(
      MetricDescription(
        name: "istiod_remote_cluster_sync_status",
        help: "Current synchronization state of remote clusters: 1 for the state that each is in.",
        labels: ["cluster", "status"])
    ) {
      source.remoteClusters.flatMap { entry in
        let all: [RemoteClusters.Status] = [.synced, .syncing, .timeout, .closed]
        return all.map { (labels: [entry.id, $0.rawValue], value: entry.status == $0 ? 1.0 : 0) }
      }
    }
    return { entries }
  }
}
