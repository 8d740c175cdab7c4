// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import MeshModel
import Synchronization

/// Remembers the outbound clusters of proxies that see the same, of one snapshot at a time: most
/// proxies of a namespace are then given one list, and its resources are not even looked up.
final class ClusterLists: Sendable {
  /// What the list of a scope depends on, at one snapshot.
  struct Key: Hashable, Sendable {
    /// The scope; the snapshot keeps it.
    var scope: ObjectIdentifier
    /// What of the proxy shapes clusters.
    var facets: ClusterFacets
    /// Whether TLS is sent on unopened.
    var forwardsUnopened: Bool
    /// The workload's labels, where rules select by them.
    var labels: [String: String]
  }

  private struct State {
    var mesh: MeshSnapshot?
    var lists: [Key: [EncodedResource]] = [:]
  }

  private let state = Mutex(State())

  /// The list of a key, made if it is not known.
  func list(
    _ key: Key, of mesh: MeshSnapshot, _ make: () -> [EncodedResource]
  ) -> [EncodedResource] {
    let known = state.withLock { state in
      if state.mesh !== mesh { state = State(mesh: mesh) }
      return state.lists[key]
    }
    if let known { return known }
    let made = make()
    state.withLock { state in
      if state.mesh === mesh { state.lists[key] = made }
    }
    return made
  }
}
