// SPDX-License-Identifier: Apache-2.0

import Bytes
import ConfigTranslation
import DiscoveryProtocol
import EnvoyAPI
import Synchronization

/// What resources refer to, read from their bytes and remembered by their digest.
final class ResourceRelations: Sendable {
  /// The relations of one resource.
  struct Relations: Sendable {
    var clusters: Set<String> = []
    var followers: [ResourceKey] = []
  }

  private let known = Mutex<[ContentDigest: Relations]>([:])
  private static let capacity = 100_000

  /// The relations of a resource.
  func relations(of resource: EncodedResource) -> Relations {
    if let relations = known.withLock({ $0[resource.digest] }) { return relations }
    let fresh = Relations(resource)
    known.withLock { known in
      if known.count >= ResourceRelations.capacity { known = [:] }
      known[resource.digest] = fresh
    }
    return fresh
  }
}

extension ResourceRelations.Relations {
  fileprivate init(_ resource: EncodedResource) {
    switch resource.type {
    case .cluster:
      if let name = ClusterReferences.endpoints(of: resource) {
        followers = [ResourceKey(.endpoint, name)]
      }
    case .listener:
      clusters = ClusterReferences.clusters(of: resource)
      followers = RouteReferences.routes(of: resource).sorted().map { ResourceKey(.route, $0) }
    case .route: clusters = ClusterReferences.clusters(of: resource)
    default: break
    }
  }
}
