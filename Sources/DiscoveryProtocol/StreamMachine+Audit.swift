// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

/// The machine's check on itself: whether the client has what it should.
extension StreamMachine {
  /// Compares what the client acknowledged with `truth`, for every type where nothing is under way.
  ///
  /// A difference means that a push said that less had changed than did. It is recorded and sent.
  mutating func audit(_ truth: any ResourceView) {
    guard view != nil, overtaken == nil else { return }
    for type in types.order {
      guard let state = types[type], state.isQuiet else { continue }
      let names = difference(of: state, to: truth)
      guard !names.isEmpty else { continue }
      record(.repaired(type, names: names))
      types.change(type) { $0.pending = .all }
    }
  }

  private func difference(of state: TypeState, to truth: any ResourceView) -> [String] {
    var changes = state.acked.changes(to: state.wanted(from: truth))
    if face == .sotw, !state.type.isFullState {
      changes.removed = []  // the client drops such a resource by itself
    } else {
      // What stays until nothing uses it is no error.
      changes.removed.removeAll { name in
        state.type == .cluster
          ? removals[name] != nil : removals.holds(ResourceKey(state.type, name))
      }
    }
    return changes.changed.map(\.name) + changes.removed
  }
}

extension TypeState {
  /// Whether nothing is under way that would change what the client has.
  fileprivate var isQuiet: Bool {
    !isDue && outstanding.isEmpty && heldBack.isEmpty && lastError == nil && lastSent != nil
      && claimed.isEmpty && foreign.isEmpty
  }
}
