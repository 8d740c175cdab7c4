// SPDX-License-Identifier: Apache-2.0

/// Counts and contradictions in what a snapshot is made of; set with each snapshot.
public struct ConfigurationMetrics: Sendable {
  /// `pilot_services`: services of the mesh.
  public let services: Gauge
  /// `pilot_virt_services`: VirtualServices of the mesh.
  public let virtualServices: Gauge
  /// `pilot_vservice_dup_domain`: domains that two VirtualServices claim.
  public let duplicateDomains: Gauge
  /// `pilot_destrule_subsets`: subsets that two DestinationRules name for one host.
  public let duplicateSubsets: Gauge
  /// `pilot_conflict_inbound_listener`: inbound listeners that two services claim.
  public let inboundListenerConflicts: Gauge
  /// `pilot_conflict_outbound_listener_tcp_over_current_tcp`: outbound TCP listeners that two
  /// services claim.
  public let outboundListenerConflicts: Gauge
  /// `pilot_duplicate_envoy_clusters`: clusters that two ServiceEntries make.
  public let duplicateClusters: Gauge
  /// `pilot_dns_cluster_without_endpoints`: DNS clusters that have nothing to resolve.
  public let emptyDNSClusters: Gauge
  /// `pilot_eds_no_instances`: EDS clusters without an endpoint.
  public let emptyEDSClusters: Gauge
  /// `pilot_endpoint_not_ready`: endpoints that are not ready.
  public let endpointsNotReady: Gauge
  /// `pilot_no_ip`: proxies that no endpoint stands for.
  public let proxiesWithoutEndpoint: Gauge
  /// `endpoint_no_pod`: endpoints that no pod stands for.
  public let endpointsWithoutPod: Gauge
  /// `pilot_total_rejected_configs{type,name}`: objects that were refused or passed over.
  public let rejected: Counter
  /// `pilot_envoy_filter_status{result,patch,name}`: patches that were applied or failed.
  public let envoyFilterStatus: Gauge
  /// `provider_lookup_cluster_failures{type}`: extension providers whose cluster is not there.
  public let providerLookupFailures: Counter

  /// Registers the metrics with `registry`.
  init(_ registry: MetricsRegistry) {
    let gauge = { (name: String, help: String) in registry.gauge(name, help: help) }
    services = gauge("pilot_services", "Services that the mesh holds.")
    virtualServices = gauge("pilot_virt_services", "VirtualServices that the mesh holds.")
    duplicateDomains = gauge(
      "pilot_vservice_dup_domain", "Domains that more than one VirtualService claims.")
    duplicateSubsets = gauge(
      "pilot_destrule_subsets", "Subsets named twice for one host by DestinationRules.")
    inboundListenerConflicts = gauge(
      "pilot_conflict_inbound_listener", "Inbound listeners that more than one service claims.")
    outboundListenerConflicts = gauge(
      "pilot_conflict_outbound_listener_tcp_over_current_tcp",
      "Outbound TCP listeners that more than one TCP service claims.")
    duplicateClusters = gauge(
      "pilot_duplicate_envoy_clusters", "Clusters made twice by ServiceEntries of one host.")
    emptyDNSClusters = gauge(
      "pilot_dns_cluster_without_endpoints", "DNS clusters that have no address to resolve.")
    emptyEDSClusters = gauge("pilot_eds_no_instances", "EDS clusters that have no endpoint.")
    endpointsNotReady = gauge("pilot_endpoint_not_ready", "Endpoints that are not ready.")
    proxiesWithoutEndpoint = gauge("pilot_no_ip", "Proxies that no endpoint stands for.")
    endpointsWithoutPod = gauge("endpoint_no_pod", "Endpoints that no pod stands for.")
    rejected = registry.counter(
      "pilot_total_rejected_configs", help: "Objects that were refused or passed over.",
      labels: ["type", "name"])
    envoyFilterStatus = registry.gauge(
      "pilot_envoy_filter_status", help: "EnvoyFilter patches by what became of them.",
      labels: ["result", "patch", "name"])
    providerLookupFailures = registry.counter(
      "provider_lookup_cluster_failures",
      help: "Extension providers whose cluster was looked for in vain.", labels: ["type"])
  }
}
