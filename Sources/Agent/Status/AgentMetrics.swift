// SPDX-License-Identifier: Apache-2.0

import Glibc
import Metrics
import Synchronization

/// The agent's own metrics, under the names of Istio's agent.
struct AgentMetrics: Sendable {
  private let registry = MetricsRegistry()
  /// Questions to the DNS proxy.
  let nameRequests: Counter
  /// Questions that name servers were asked.
  let nameForwards: Counter
  /// Questions that no name server answered.
  let nameFailures: Counter
  /// How long a name server took.
  let nameForwardTime: Histogram
  /// Requests to the control plane on the stream of configuration.
  let requests: Counter
  /// Responses of the control plane on it.
  let responses: Counter
  /// Connections to the control plane that could not be made.
  let connectionFailures: Counter
  /// Streams that the control plane ended, by `type`: `cancelled` or `error`.
  let connectionEnds: Counter
  /// Certificates that were asked for, by `request_type`.
  let certificateRequests: Counter
  /// Certificates that could not be had, by `request_type`.
  let certificateFailures: Counter
  /// Mounted certificates that could not be read.
  let fileFailures: Counter
  /// Scrapes of the merged metrics.
  let scrapes: Counter
  /// Parts of the merged metrics that could not be had, by `type`: `envoy` or `application`.
  let scrapeFailures: Counter
  /// How long the proxy took from its start to its first readiness.
  let startupTime: Gauge
  private let expiry = Expiry()

  /// When the workload's certificate ends.
  private final class Expiry: Sendable {
    let end = Mutex<Int64?>(nil)
  }

  init() {
    let name = { (name: String) in "istio_agent_" + name }
    nameRequests = registry.counter(
      name("dns_requests_total"), help: "Total number of DNS requests.")
    nameForwards = registry.counter(
      name("dns_upstream_requests_total"),
      help: "Total number of DNS requests forwarded to upstream.")
    nameFailures = registry.counter(
      name("dns_upstream_failures_total"), help: "Total number of DNS failures.")
    nameForwardTime = registry.histogram(
      name("dns_upstream_request_duration_seconds"),
      help: "Seconds that upstream took to answer a DNS request.",
      bounds: [0.001, 0.005, 0.01, 0.1, 1, 5, 10])
    requests = registry.counter(name("xds_proxy_requests"), help: "Requests to the control plane.")
    responses = registry.counter(
      name("xds_proxy_responses"), help: "Responses of the control plane.")
    connectionFailures = registry.counter(
      name("istiod_connection_failures"), help: "Connections to the control plane that failed.")
    connectionEnds = registry.counter(
      name("istiod_connection_terminations"), help: "Streams that the control plane ended.",
      labels: ["type"])
    certificateRequests = registry.counter(
      name("num_outgoing_requests"), help: "Requests to the certificate authority.",
      labels: ["request_type"])
    certificateFailures = registry.counter(
      name("num_failed_outgoing_requests"), help: "Failed requests to the certificate authority.",
      labels: ["request_type"])
    fileFailures = registry.counter(
      name("num_file_secret_failures_total"), help: "Mounted certificates that cannot be read.")
    scrapes = registry.counter(name("scrapes_total"), help: "The total number of scrapes.")
    scrapeFailures = registry.counter(
      name("scrape_failures_total"), help: "The total number of failed scrapes.", labels: ["type"])
    startupTime = registry.gauge(
      name("startup_duration_seconds"), help: "Seconds from the start until the proxy was ready.")
    registry.callback(
      MetricDescription(
        name: name("cert_expiry_seconds"), help: "Seconds until the workload's certificate ends.",
        labels: ["resource_name"])
    ) { [expiry] in
      guard let end = expiry.end.withLock({ $0 }) else { return [] }
      return [(labels: ["default"], value: Double(end - Int64(time(nil))))]
    }
    registry.addProcessMetrics(prefix: "istio_agent_")
  }

  /// Says when the workload's certificate ends, in seconds since 1970.
  func certificateEnds(_ end: Int64) { expiry.end.withLock { $0 = end } }

  /// All in Prometheus' text form.
  var text: String { registry.exposition() }
}
