// SPDX-License-Identifier: Apache-2.0

import Configuration

/// Merges what Telemetry objects say of metrics (Istio's mergeMetrics).
struct MetricRules {
  /// What is changed of one metric.
  private struct Change {
    var isDropped = false
    var tags: [String: Istio.MetricsOverrides.TagOverride] = [:]
  }

  /// One side of calls at one provider.
  private struct Side: Hashable {
    var provider: String
    var isClient: Bool
  }

  private var providers: Set<String> = []
  private var intervals: [String: Duration] = [:]
  private var changes: [Side: [String: Change]] = [:]
  private var silent: Set<Side> = []

  /// The rules of objects, the widest scope first, over the mesh's own providers.
  init(_ metrics: [Istio.Metrics], defaults: [String]) {
    if metrics.isEmpty { providers = Set(defaults) }
    // The narrowest object that names providers says which ones count.
    let named = metrics.last { !$0.providers.isEmpty }?.providers.map(\.name) ?? defaults
    var inherited = defaults
    for metric in metrics {
      if !metric.providers.isEmpty { inherited = metric.providers.map(\.name) }
      for provider in inherited where named.contains(provider) {
        providers.insert(provider)
        if let interval = metric.reportingInterval { intervals[provider] = interval }
        for change in metric.overrides { apply(change, to: provider) }
      }
    }
  }

  /// The settings of each provider, by name.
  var statistics: [String: StatisticsSettings.Provider] {
    Dictionary(
      uniqueKeysWithValues: providers.map { provider in
        (
          provider,
          StatisticsSettings.Provider(
            client: side(Side(provider: provider, isClient: true)),
            server: side(Side(provider: provider, isClient: false)),
            interval: intervals[provider])
        )
      })
  }

  private mutating func apply(_ change: Istio.MetricsOverrides, to provider: String) {
    let mode = change.match?.mode ?? .clientAndServer
    for isClient in [true, false] where mode.covers(clientSide: isClient) {
      let side = Side(provider: provider, isClient: isClient)
      if change.match?.isForAll ?? true, change.disabled == true {
        silent.insert(side)
        continue
      }
      silent.remove(side)
      for metric in change.match?.metrics ?? Istio.MetricSelector.allMetrics {
        var known = changes[side, default: [:]][metric] ?? Change()
        if let disabled = change.disabled { known.isDropped = disabled }
        known.tags.merge(change.tagOverrides) { $1 }
        changes[side, default: [:]][metric] = known
      }
    }
  }

  private func side(_ side: Side) -> StatisticsSettings.Side {
    var made = StatisticsSettings.Side(isSilent: silent.contains(side))
    guard !made.isSilent else { return made }
    for (metric, change) in (changes[side] ?? [:]).sorted(by: { $0.key < $1.key }) {
      let tags = change.tags.sorted { $0.key < $1.key }
      made.metrics.append(
        StatisticsSettings.Metric(
          name: Self.names[metric] ?? metric, isDropped: change.isDropped,
          tags: tags.filter { $0.value.operation == .upsert }.map { .init($0.key, $0.value.value) },
          removedTags: tags.filter { $0.value.operation == .remove }.map(\.key)))
    }
    return made
  }

  /// The names in Prometheus.
  private static let names = [
    "REQUEST_COUNT": "requests_total", "REQUEST_DURATION": "request_duration_milliseconds",
    "REQUEST_SIZE": "request_bytes", "RESPONSE_SIZE": "response_bytes",
    "TCP_OPENED_CONNECTIONS": "tcp_connections_opened_total",
    "TCP_CLOSED_CONNECTIONS": "tcp_connections_closed_total",
    "TCP_SENT_BYTES": "tcp_sent_bytes_total", "TCP_RECEIVED_BYTES": "tcp_received_bytes_total",
    "GRPC_REQUEST_MESSAGES": "request_messages_total",
    "GRPC_RESPONSE_MESSAGES": "response_messages_total",
  ]
}

extension Istio.MetricSelector {
  /// The names of all metrics of Istio.
  static let allMetrics = IstioMetric.protoNames.filter { $0 != "ALL_METRICS" }

  /// Whether it means every metric.
  fileprivate var isForAll: Bool {
    switch metricMatch {
    case .customMetric: false
    case .metric(let metric): metric == .allMetrics
    case nil: true
    }
  }

  /// The metrics that it means.
  fileprivate var metrics: [String] {
    switch metricMatch {
    case .customMetric(let name): [name]
    case .metric(let metric) where metric != .allMetrics:
      [IstioMetric.protoNames[Int(metric.rawValue)]]
    case .metric, nil: Self.allMetrics
    }
  }
}
