// SPDX-License-Identifier: Apache-2.0

/// Counts and contradictions in what a snapshot is made of; set with each snapshot.
public struct ConfigurationMetrics: Sendable {
  /// `pilot_services`: services of the mesh.
  public let services: Gauge
  /// `pilot_virt_services`: VirtualServices of the mesh.
  public let virtualServices: Gauge
  /// `pilot_total_rejected_configs{type,name}`: objects that were refused or passed over.
  public let rejected: Counter

  /// Registers the metrics with `registry`.
  init(_ registry: MetricsRegistry) {
    let gauge = { (name: String, help: String) in registry.gauge(name, help: help) }
    services = gauge("pilot_services", "Services that the mesh holds.")
    virtualServices = gauge("pilot_virt_services", "VirtualServices that the mesh holds.")
    rejected = registry.counter(
      "pilot_total_rejected_configs", help: "Objects that were refused or passed over.",
      labels: ["type", "name"])
  }

  /// Registers the gauges of what contradicts itself or leads nowhere (istiod's push status): how
  /// many there are of each, asked for on a scrape.
  public static func addStatus(
    to registry: MetricsRegistry, count: @escaping @Sendable (_ metric: String) -> Double?
  ) {
    let all = [
      ("pilot_vservice_dup_domain", "Domains that more than one VirtualService claims."),
      ("pilot_destrule_subsets", "Hosts for which DestinationRules name a subset twice."),
      ("pilot_conflict_inbound_listener", "Proxies with an inbound port that services dispute."),
      (
        "pilot_conflict_outbound_listener_tcp_over_current_tcp",
        "Outbound listeners that more than one TCP service claims."
      ),
      ("pilot_duplicate_envoy_clusters", "Clusters that services of one host would make twice."),
      ("pilot_dns_cluster_without_endpoints", "DNS clusters that have no address to resolve."),
      ("pilot_eds_no_instances", "EDS clusters that have no endpoint."),
      ("pilot_endpoint_not_ready", "Proxies whose own endpoint is not ready."),
      ("pilot_no_ip", "Sidecars that no service selects."),
      ("endpoint_no_pod", "Services with an endpoint whose Pod is not known."),
      ("pilot_k8s_endpoints_pending_pod", "Endpoints that wait for their Pod."),
    ]
    for (name, help) in all { registry.callback(name, help: help) { count(name) } }
  }
}
