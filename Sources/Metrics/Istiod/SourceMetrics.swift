// SPDX-License-Identifier: Apache-2.0

/// Events of the sources of configuration and workloads.
public struct SourceMetrics: Sendable {
  /// `pilot_k8s_cfg_events{type,event}`: configuration objects by kind; add, update, delete.
  public let configurationEvents: Counter
  /// `pilot_k8s_reg_events{type,event}`: registry objects by kind; add, update, updatesame,
  /// delete.
  public let registryEvents: Counter
  /// `pilot_k8s_proxies_with_no_service_targets{reason}`: proxies that no service selects.
  public let proxiesWithoutService: Counter
  /// `controller_sync_errors_total{cluster}`: lists and watches of a cluster's API server that
  /// failed and are tried again.
  public let syncErrors: Counter
  /// `remote_cluster_secret_events_total{event}`: Secrets of remote clusters; add, update, delete.
  public let remoteSecretEvents: Counter
  /// `remote_cluster_sync_timeouts_total{cluster}`: remote clusters that were waited for in vain.
  public let remoteSyncTimeouts: Counter

  /// Registers the metrics with `registry`.
  init(_ registry: MetricsRegistry) {
    configurationEvents = registry.counter(
      "pilot_k8s_cfg_events", help: "Events of configuration objects.", labels: ["type", "event"])
    registryEvents = registry.counter(
      "pilot_k8s_reg_events", help: "Events of services, pods, nodes and endpoints.",
      labels: ["type", "event"])
    proxiesWithoutService = registry.counter(
      "pilot_k8s_proxies_with_no_service_targets", help: "Proxies that no service selects.",
      labels: ["reason"])
    syncErrors = registry.counter(
      "controller_sync_errors_total", help: "Failures of lists and watches of API servers.",
      labels: ["cluster"])
    remoteSecretEvents = registry.counter(
      "remote_cluster_secret_events_total", help: "Number of remote cluster secret events.",
      labels: ["event"])
    remoteSyncTimeouts = registry.counter(
      "remote_cluster_sync_timeouts_total",
      help: "Number of times remote clusters took too long to tell all, and were left out.",
      labels: ["cluster"])
  }
}
