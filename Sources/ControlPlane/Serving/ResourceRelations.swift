// SPDX-License-Identifier: Apache-2.0

import Bytes
import ConfigTranslation
import DiscoveryProtocol
import EnvoyAPI
import Synchronization

/// What resources refer to, read from their bytes and remembered by their digest.
///
/// Route configurations are read by virtual host: of a thousand hosts only those that differ.
final class ResourceRelations: Sendable {
  /// The relations of one resource.
  struct Relations: Sendable {
    var clusters: Set<String> = []
    var followers: [ResourceKey] = []
  }

  private let known = DigestMemo<Relations>(limit: 50_000)
  private let routes = DigestMemo<Relations>(limit: 100)
  private let parts = DigestMemo<[String]>(limit: 200_000)

  /// The relations of a resource.
  func relations(of resource: EncodedResource) -> Relations {
    guard resource.type == .route else {
      return known.value(resource.digest) { Relations(resource) }
    }
    return routes.value(resource.digest) {
      var relations = Relations()
      for part in ClusterReferences.parts(ofRoutes: resource) {
        let digest = part.withUnsafeBytes { ContentDigest(of: $0) }
        let clusters = parts.value(digest) { Array(ClusterReferences.clusters(ofRoutePart: part)) }
        relations.clusters.formUnion(clusters)
      }
      return relations
    }
  }
}

/// Values by the digest of what they were read from; two generations bound their number.
private final class DigestMemo<Value: Sendable>: Sendable {
  private struct State {
    var young: [ContentDigest: Value] = [:]
    var old: [ContentDigest: Value] = [:]
  }

  private let state = Mutex(State())
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  func value(_ digest: ContentDigest, _ make: () -> Value) -> Value {
    let known = state.withLock { $0.young[digest] ?? $0.old[digest] }
    let value = known ?? make()
    state.withLock { state in
      guard state.young[digest] == nil else { return }
      if state.young.count >= limit { state = State(young: [:], old: state.young) }
      state.young[digest] = value
    }
    return value
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
    default: break
    }
  }
}
