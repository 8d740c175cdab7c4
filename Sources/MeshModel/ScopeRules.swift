// SPDX-License-Identifier: Apache-2.0

import Configuration
import ServiceDiscovery
import Synchronization

/// The DestinationRules of the services that proxies of a namespace see, and what they look at.
///
/// Namespaces for which they are equal share one object, and its tag.
final class ScopeRules: Sendable {
  /// The rules of a host; several where some are for selected workloads.
  let byHost: [Hostname: [MergedDestinationRule]]
  /// Whether some are for selected workloads.
  let isSelective: Bool
  /// Whether one sends traffic to where clients meant to, past the endpoints.
  let hasPassthrough: Bool
  /// The labels by which rules select workloads.
  let selectorLabels: Set<String>
  /// The labels by which rules tell near endpoints from far ones.
  let priorityLabels: Set<String>
  /// Tells these rules from others.
  let tag = Tag()

  init(_ byHost: [Hostname: [MergedDestinationRule]]) {
    self.byHost = byHost
    var selectors: Set<String> = []
    var priorities: Set<String> = []
    var hasPassthrough = false
    var isSelective = false
    for rule in byHost.values.joined().lazy.map(\.rule) {
      if let labels = rule.selectorLabels {
        isSelective = true
        selectors.formUnion(labels.keys)
      }
      for policy in rule.policies {
        if policy.lbPolicy == .simple(.passthrough) { hasPassthrough = true }
        priorities.formUnion(policy.localityLbSetting?.failoverPriority ?? [])
        priorities.formUnion(policy.zoneAwareLbSetting?.failoverPriority ?? [])
      }
    }
    self.isSelective = isSelective
    self.hasPassthrough = hasPassthrough
    selectorLabels = selectors
    priorityLabels = Self.names(of: priorities)
  }

  /// The labels that failover priorities name, as `label` or `label=value`.
  static func names(of priorities: some Sequence<String>) -> Set<String> {
    Set(priorities.map { String($0.prefix { $0 != "=" }) })
  }
}

extension Istio.DestinationRule {
  /// How each of its policies balances the load.
  fileprivate var policies: [Istio.LoadBalancerSettings] {
    let whole = [trafficPolicy] + subsets.map(\.trafficPolicy)
    return whole.compactMap(\.self).flatMap { policy in
      [policy.loadBalancer].compactMap(\.self)
        + policy.portLevelSettings.compactMap(\.loadBalancer)
    }
  }
}

/// The rules of a snapshot's scopes: those that are equal are one object.
final class ScopeRulesMemo: Sendable {
  /// Rules by hosts and objects, which tell most of them apart.
  private struct Key: Hashable {
    var byHost: [Hostname: [MergedDestinationRule]]

    func hash(into hasher: inout Hasher) {
      hasher.combine(byHost.count)
      var mixed = 0
      for (host, rules) in byHost {
        var own = Hasher()
        own.combine(host)
        for rule in rules { own.combine(rule.sources) }
        mixed ^= own.finalize()
      }
      hasher.combine(mixed)
    }
  }

  private let known = Mutex<[Key: ScopeRules]>([:])

  /// The one object of these rules; `previous` where it has them.
  func interned(
    _ byHost: [Hostname: [MergedDestinationRule]], previous: ScopeRules?
  ) -> ScopeRules {
    let key = Key(byHost: byHost)
    return known.withLock { known in
      if let rules = known[key] { return rules }
      let rules = previous?.byHost == byHost ? previous : nil
      let made = rules ?? ScopeRules(byHost)
      known[key] = made
      return made
    }
  }
}
