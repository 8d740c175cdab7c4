// SPDX-License-Identifier: Apache-2.0

/// Metrics of the way from a change to the proxies.
public struct PushMetrics: Sendable {
  /// `pilot_inbound_updates{type}`: changes taken in: config, eds, svc, svcdelete.
  public let inboundUpdates: Counter
  /// `pilot_push_triggers{type}`: why a push began.
  public let triggers: Counter
  /// `pilot_debounce_time`: seconds from the first change to the push that carries it.
  public let debounceTime: Histogram
  /// `pilot_pushcontext_init_seconds`: seconds to build a snapshot.
  public let snapshotTime: Histogram
  /// `pilot_proxy_queue_time`: seconds that a proxy waits for its turn.
  public let queueTime: Histogram
  /// `pilot_proxy_convergence_time`: seconds from a change until a proxy has it.
  public let convergenceTime: Histogram

  /// Registers the metrics with `registry`.
  init(_ registry: MetricsRegistry) {
    inboundUpdates = registry.counter(
      "pilot_inbound_updates", help: "Changes that the control plane took in.", labels: ["type"])
    triggers = registry.counter(
      "pilot_push_triggers", help: "Pushes by the reason that began them.", labels: ["type"])
    debounceTime = registry.histogram(
      "pilot_debounce_time", help: "Seconds from a first change to the push that carries it.",
      bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 3, 5, 10, 20, 30])
    snapshotTime = registry.histogram(
      "pilot_pushcontext_init_seconds", help: "Seconds to build a snapshot of the mesh.",
      bounds: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.1, 0.5, 1, 3, 5])
    queueTime = registry.histogram(
      "pilot_proxy_queue_time", help: "Seconds that a proxy waits for its turn in a push.",
      bounds: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 3, 5, 10, 20, 30])
    convergenceTime = registry.histogram(
      "pilot_proxy_convergence_time",
      help: "Seconds from a change until a proxy has all that it means for it.",
      bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 3, 5, 10, 20, 30])
  }
}
