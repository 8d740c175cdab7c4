// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

/// Removal after use: a cluster goes when the client no longer has anything that uses it.
extension StreamMachine {
  /// Takes out of a difference the removals that must wait.
  mutating func keepUsed(
    _ changes: inout ResourceChanges, of state: TypeState, _ view: any ResourceView
  ) {
    if state.type == .cluster, state.pending == .all {
      for key in removals.keep(only: Set(changes.removed)) {
        types.change(key.type) { $0.pending.merge(.names([key.name])) }
      }
    }
    guard !changes.removed.isEmpty else { return }
    if state.type == .cluster {
      keepUsedClusters(&changes, of: state, view)
    } else if !removals.isEmpty {
      changes.removed.removeAll { removals.holds(ResourceKey(state.type, $0)) }
    }
  }

  private mutating func keepUsedClusters(
    _ changes: inout ResourceChanges, of state: TypeState, _ view: any ResourceView
  ) {
    reviewRemovals()
    let inUse = clustersInOldUse(view)
    var going: [String] = []
    for name in changes.removed {
      if let removal = removals[name] {
        guard removals.isDue(name, at: now) else { continue }
        removals[name] = nil
        for key in removal.followers {
          types.change(key.type) { $0.pending.merge(.names([key.name])) }
        }
        going.append(name)
      } else if inUse.contains(name) {
        let followers = state.sent[name].map(view.followers) ?? []
        removals[name] = .init(phase: .used(since: now), followers: followers)
      } else {
        going.append(name)
      }
    }
    changes.removed = going
  }

  /// The clusters that the client may use because of resources that the view no longer has so.
  private func clustersInOldUse(_ view: any ResourceView) -> Set<String> {
    var inUse: Set<String> = []
    for type in ResourceType.clusterReferrers {
      guard let state = types[type] else { continue }
      var held = state.sent.elements
      if !state.acked.isIdentical(to: state.sent) { held += state.acked.elements }
      held += state.outstanding.flatMap(\.changes.changed)
      for resource in held where view.named(type, resource.name) != resource {
        inUse.formUnion(view.clusters(referencedBy: resource))
      }
    }
    return inUse
  }

  /// Looks whether clusters that had to stay may go.
  mutating func reviewRemovals() {
    mustReviewRemovals = false
    guard let view, !removals.isEmpty else { return }
    let hasRefused = types.contains { $0.isReferrer && !$0.rejected.isEmpty }
    let areDue = removals.review(
      inUse: clustersInOldUse(view), hasRefused: hasRefused, policy: policy, at: now)
    if areDue { types.change(.cluster) { $0.pending.merge(.all) } }
  }
}
