// SPDX-License-Identifier: Apache-2.0

import MeshModel
import Synchronization

/// Remembers what was made of one snapshot at a time, for all proxies for which a key is equal: then
/// not even the inputs are gathered.
final class SnapshotMemo<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private struct State {
    var mesh: MeshSnapshot?
    var values: [Key: Value] = [:]
  }

  private let state = Mutex(State())

  /// The value of a key, made if it is not known.
  func value(_ key: Key, of mesh: MeshSnapshot, _ make: () -> Value) -> Value {
    let known = state.withLock { state in
      if state.mesh !== mesh { state = State(mesh: mesh) }
      return state.values[key]
    }
    if let known { return known }
    let made = make()
    state.withLock { state in
      if state.mesh === mesh { state.values[key] = made }
    }
    return made
  }
}

/// What a load assignment depends on, at one snapshot.
struct AssignmentKey: Hashable, Sendable {
  /// The scope; the snapshot keeps it.
  var scope: ObjectIdentifier
  /// The cluster's name.
  var name: String
  /// What of the proxy decides over endpoints.
  var viewer: EndpointSelection.Viewer
  /// How places are preferred, seen from the proxy.
  var view: LocalityView?
  /// The workload's labels, where rules select by them.
  var labels: [String: String]
}
