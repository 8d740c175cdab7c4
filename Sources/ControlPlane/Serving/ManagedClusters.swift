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
    let here = ManagedCluster(
      id: own, secret: "", status: isSynced ? "synced" : "syncing", snapshotAge: source.standInAge)
    let now = WallClock.now()
    return [here]
      + source.remoteClusters.map { entry in
        ManagedCluster(
          id: entry.id, secret: entry.secret, status: entry.status.rawValue,
          snapshotAge: entry.standInTime.map { now - Double($0) })
      }
  }

  /// What `/ready?verbose` says: from when what is served is.
  var readiness: String {
    let lines = entries.compactMap { cluster -> String? in
      guard let age = cluster.snapshotAge else { return nil }
      return cluster.id == own
        ? "Ready, from a snapshot that is \(Int(age)) s old: the API server has not told all.\n"
        : "Cluster \(cluster.id) is served from a snapshot that is \(Int(age)) s old: "
          + "its API server has not told all.\n"
    }
    return (source.standInAge == nil ? "Ready.\n" : "") + lines.joined()
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
        labels: ["cluster", "cluster_type", "status"])
    ) {
      source.remoteClusters.flatMap { entry in
        let all: [RemoteClusters.Status] = [.synced, .syncing, .timeout, .closed]
        return all.map {
          (labels: [entry.id, "remote", $0.rawValue], value: entry.status == $0 ? 1.0 : 0)
        }
      }
    }
    registry.callback(
      MetricDescription(
        name: "navarch_source_snapshot_age_seconds",
        help: "How old what is served is, while a snapshot stands in for an API server; else 0.",
        labels: ["cluster"])
    ) { entries.map { (labels: [$0.id], value: $0.snapshotAge ?? 0) } }
    return { entries }
  }
}
