// SPDX-License-Identifier: Apache-2.0

/// Istiod's metrics, by the names, labels and `le` values that dashboards and alerts know.
///
/// Made once from the process's registry and passed on; a series shows when it is first used.
/// Finer buckets stand below istiod's, whose first of 100 ms is too coarse for us.
public struct IstiodMetrics: Sendable {
  /// Streams, pushes, ACKs and NACKs.
  public let xds: XDSMetrics
  /// The way from a change to its push.
  public let push: PushMetrics
  /// Counts and contradictions of the configuration.
  public let configuration: ConfigurationMetrics
  /// Events of the sources.
  public let sources: SourceMetrics
  private let build: Gauge
  private let info: Gauge

  /// Registers the metrics with `registry`.
  public init(_ registry: MetricsRegistry) {
    xds = XDSMetrics(registry)
    push = PushMetrics(registry)
    configuration = ConfigurationMetrics(registry)
    sources = SourceMetrics(registry)
    build = registry.gauge(
      "istio_build", help: "Always 1; the labels tell component and build.",
      labels: ["component", "tag"])
    info = registry.gauge(
      "pilot_info", help: "Always 1; the label tells the version that runs.", labels: ["version"])
  }

  /// Shows which version runs: `istio_build` and `pilot_info`.
  public func setVersion(tag: String, version: String) {
    build.set(1, ["pilot", tag])
    info.set(1, [version])
  }

  /// Shows `istiod_uptime_seconds`, which `seconds` tells on each scrape.
  public static func addUptime(
    to registry: MetricsRegistry, seconds: @escaping @Sendable () -> Double
  ) {
    registry.callback(
      "istiod_uptime_seconds", help: "For how long this control plane has been running.",
      read: seconds)
  }
}
