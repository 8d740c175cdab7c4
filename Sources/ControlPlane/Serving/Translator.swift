// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import MeshModel

/// What all proxies' views share: the cache of resources and their relations.
final class Translator: Sendable {
  private let cache: ResourceCache
  private let relations = ResourceRelations()

  init(cacheCapacity: Int) { cache = ResourceCache(capacity: cacheCapacity) }

  /// What a proxy should have at a snapshot.
  func view(_ snapshot: MeshSnapshot, _ node: ProxyNode) -> ProxyView {
    ProxyView(ProxyContext(snapshot, node: node, cache: cache), relations: relations)
  }
}
