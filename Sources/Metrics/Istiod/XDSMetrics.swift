// SPDX-License-Identifier: Apache-2.0

/// Metrics of xDS streams.
///
/// The label `type` is a resource type's short name: cds, lds, rds, eds,
/// sds, nds, pcds, ecds, bds, wds, wads.
public struct XDSMetrics: Sendable {
  /// `pilot_xds{version}`: streams that are open, by the version of the proxy.
  public let clients: Gauge
  /// `pilot_xds_pushes{type}`: responses sent; `<type>_senderr` those that failed.
  public let pushes: Counter
  /// `pilot_xds_push_time{type}`: seconds to generate and send a response.
  public let pushTime: Histogram
  /// `pilot_xds_send_time`: seconds to hand a response to the transport.
  public let sendTime: Histogram
  /// `pilot_xds_config_size_bytes{type}`: bytes of a response, by type URL.
  public let configSize: Histogram
  /// `pilot_xds_expired_nonce{type}`: requests that answer a superseded response.
  public let expiredNonces: Counter
  /// `pilot_total_xds_rejects{type}`: NACKs.
  public let rejects: Counter
  /// `pilot_total_xds_internal_errors`: streams that ended by our own fault.
  public let internalErrors: Counter
  /// `pilot_xds_write_timeout`: responses that a client did not take in time.
  public let writeTimeouts: Counter
  /// `pilot_xds_recv_max`: bytes of the largest request.
  public let largestRequest: Gauge
  /// `pilot_sds_certificate_errors_total`: secrets that could not be served.
  public let certificateErrors: Counter
  /// `navarch_state_repairs_total{type}`: differences that an audit found between what a client has
  /// and what it should have; more than none is a fault of the control plane.
  public let repairs: Counter
  /// `navarch_xds_unanswered_total{type}`: waits for an ACK or NACK that ended without one.
  public let unanswered: Counter
  private let exceeded: Counter
  private let rejectsByNode: [String: Gauge]

  /// Registers the metrics with `registry`.
  init(_ registry: MetricsRegistry) {
    clients = registry.gauge(
      "pilot_xds", help: "xDS streams that are open to this control plane.", labels: ["version"])
    pushes = registry.counter(
      "pilot_xds_pushes", help: "xDS responses by type; types in _senderr count failed sends.",
      labels: ["type"])
    pushTime = registry.histogram(
      "pilot_xds_push_time", help: "Seconds to generate and send a response.", labels: ["type"],
      bounds: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.1, 0.5, 1, 3, 5, 10, 20, 30])
    sendTime = registry.histogram(
      "pilot_xds_send_time", help: "Seconds to hand a response to the transport.",
      bounds: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.1, 1, 3, 5, 10, 20, 30])
    configSize = registry.histogram(
      "pilot_xds_config_size_bytes", help: "Bytes of configuration in a response.",
      labels: ["type"], bounds: [1, 100, 1000, 10_000, 100_000, 1e6, 4e6, 1e7, 4e7])
    expiredNonces = registry.counter(
      "pilot_xds_expired_nonce", help: "Requests that answer a superseded response.",
      labels: ["type"])
    rejects = registry.counter(
      "pilot_total_xds_rejects", help: "Responses that a proxy refused.", labels: ["type"])
    internalErrors = registry.counter(
      "pilot_total_xds_internal_errors", help: "Streams that failed by the control plane's fault.")
    writeTimeouts = registry.counter(
      "pilot_xds_write_timeout", help: "Responses that a proxy did not take in time.")
    largestRequest = registry.gauge(
      "pilot_xds_recv_max", help: "Bytes of the largest xDS request so far.")
    certificateErrors = registry.counter(
      "pilot_sds_certificate_errors_total", help: "Secrets that could not be served to a proxy.")
    unanswered = registry.counter(
      "navarch_xds_unanswered_total",
      help: "Responses that the next one did not wait for any longer.", labels: ["type"])
    exceeded = registry.counter(
      "navarch_xds_limits_exceeded_total",
      help: "Streams that were ended or refused because a client exceeded a limit.",
      labels: ["limit"])
    repairs = registry.counter(
      "navarch_state_repairs_total",
      help: "Differences between what a proxy has and should have, found by an audit.",
      labels: ["type"])
    rejectsByNode = Dictionary(
      uniqueKeysWithValues: ["cds", "eds", "lds", "rds"].map { type in
        let help = "Refusals of \(type.uppercased()) by proxy and status code."
        return (
          type, registry.gauge("pilot_xds_\(type)_reject", help: help, labels: ["node", "err"])
        )
      })
  }

  /// Counts a client that exceeded a limit (`navarch_xds_limits_exceeded_total{limit}`).
  public func countExceeded(_ limit: String) { exceeded.increment([limit]) }

  /// Counts a NACK of `type` by `node` with the status code `error`.
  public func countReject(type: String, node: String, error: String) {
    rejects.increment([type])
    rejectsByNode[type]?.add(1, [node, error])
  }

  /// Forgets what a node refused, once it is gone.
  public func forgetRejects(node: String, errors: [String]) {
    for gauge in rejectsByNode.values {
      for error in errors { gauge.remove([node, error]) }
    }
  }
}
