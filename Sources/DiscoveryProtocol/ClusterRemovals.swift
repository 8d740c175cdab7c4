// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

/// Clusters that are gone from the view but not from the client, since it may still use them.
struct ClusterRemovals: Sendable {
  private(set) var waiting: [String: Removal] = [:]

  struct Removal: Sendable {
    var phase: Phase
    /// What belongs to the cluster, such as its endpoints, and stays as long.
    var followers: [ResourceKey]
  }

  enum Phase: Sendable {
    /// A resource that the client may have uses it.
    case used(since: Duration)
    /// Nothing uses it any more, but requests may be on their way.
    case draining(until: Duration)
    /// The client was waited for long enough.
    case overdue
  }

  var isEmpty: Bool { waiting.isEmpty }

  subscript(cluster: String) -> Removal? {
    get { waiting[cluster] }
    set { waiting[cluster] = newValue }
  }

  func holds(_ key: ResourceKey) -> Bool {
    waiting.values.contains { $0.followers.contains(key) }
  }

  /// Whether a cluster may go now.
  func isDue(_ cluster: String, at now: Duration) -> Bool {
    switch waiting[cluster]?.phase {
    case .draining(let until): until <= now
    case .overdue: true
    case .used, nil: false
    }
  }

  /// Forgets the clusters that came back.
  ///
  /// Returns what had stayed with them, which may have gone meanwhile.
  mutating func keep(only removed: Set<String>) -> [ResourceKey] {
    let back = waiting.filter { !removed.contains($0.key) }
    for name in back.keys { waiting[name] = nil }
    return back.values.flatMap(\.followers)
  }

  /// Moves on what nothing uses any more.
  ///
  /// Returns whether a cluster may go now.
  ///
  /// - Parameters:
  ///   - inUse: The clusters that resources use which the view no longer has.
  ///   - hasRefused: Whether the client goes by resources that it should have given up.
  mutating func review(
    inUse: Set<String>, hasRefused: Bool, policy: StreamPolicy, at now: Duration
  ) -> Bool {
    for (name, removal) in waiting {
      switch removal.phase {
      case .used where !inUse.contains(name):
        waiting[name]?.phase = .draining(until: now + policy.drain)
      case .used where hasRefused: waiting[name]?.phase = .used(since: now)
      case .used(let since) where since + policy.removalLimit <= now:
        waiting[name]?.phase = .overdue
      case .draining where inUse.contains(name): waiting[name]?.phase = .used(since: now)
      case .used, .draining, .overdue: break
      }
    }
    return waiting.keys.contains { isDue($0, at: now) }
  }

  /// When to look again; nil if only an answer of the client can change something.
  func nextDeadline(after now: Duration, policy: StreamPolicy) -> Duration? {
    waiting.values.compactMap { removal -> Duration? in
      switch removal.phase {
      case .used(let since): since + policy.removalLimit
      case .draining(let until): until
      case .overdue: nil
      }
    }.filter { $0 > now }.min()
  }
}
