// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import MeshModel
import Metrics

/// What all proxies' views share: the cache of resources and their relations.
final class Translator: Sendable {
  private let cache: ResourceCache
  let relations = ResourceRelations()
  private let assigned = AssignmentLists()

  private let onMissingSecret: @Sendable () -> Void

  /// - Parameter onMissingSecret: Called where a proxy asks for a secret that is not there or not
  ///   for it.
  init(cacheCapacity: Int, onMissingSecret: @escaping @Sendable () -> Void) {
    cache = ResourceCache(capacity: cacheCapacity)
    self.onMissingSecret = onMissingSecret
  }

  /// What a proxy should have at a snapshot.
  ///
  /// - Parameter earlier: What it had before, where nothing differs but endpoints of other workloads.
  func view(
    _ snapshot: MeshSnapshot, _ node: ProxyNode, after earlier: ProxyView? = nil
  ) -> ProxyView {
    let context =
      earlier.map { ProxyContext($0.context, endpointsOf: snapshot) }
      ?? ProxyContext(snapshot, node: node, cache: cache)
    return ProxyView(
      context, relations: relations, assigned: assigned, onMissingSecret: onMissingSecret)
  }

  /// Shows how the cache fares, as istiod does with `PILOT_XDS_CACHE_STATS`.
  func register(with registry: MetricsRegistry) {
    let cache = cache
    CacheMetrics.register(with: registry) {
      let counts = cache.counts
      return CacheMetrics.Reading(
        hits: counts.reused, misses: counts.built, evictions: counts.evicted, size: counts.held)
    }
  }
}
