// SPDX-License-Identifier: Apache-2.0

/// How the cache of resources fares, by istiod's names.
///
/// `xds_cache_dependent_config_size` has nothing to tell: a cache that is keyed by inputs knows no
/// dependents.
public enum CacheMetrics {
  /// The counts at one moment.
  public struct Reading: Sendable {
    var hits, misses, evictions, size: Int

    /// Resources found, made, dropped to keep the size, and held.
    public init(hits: Int, misses: Int, evictions: Int, size: Int) {
      (self.hits, self.misses, self.evictions, self.size) = (hits, misses, evictions, size)
    }
  }

  /// Registers the metrics, which `read` tells on each scrape.
  public static func register(
    with registry: MetricsRegistry, read: @escaping @Sendable () -> Reading
  ) {
    registry.callback(
      MetricDescription(
        name: "xds_cache_reads", help: "Resources that were looked for.", labels: ["type"]),
      kind: .counter
    ) {
      let now = read()
      return [(["hit"], Double(now.hits)), (["miss"], Double(now.misses))]
    }
    registry.callback(
      MetricDescription(
        name: "xds_cache_evictions", help: "Resources that were dropped.", labels: ["type"]),
      kind: .counter
    ) { [(["size"], Double(read().evictions))] }
    registry.callback("xds_cache_size", help: "Resources that are remembered.") {
      Double(read().size)
    }
  }
}
