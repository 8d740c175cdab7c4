// SPDX-License-Identifier: Apache-2.0

import Configuration
import ServiceDiscovery

extension LocalityView {
  /// Gives places the weights of the rule for the proxy's own place; other places are emptied.
  func weighted(
    _ groups: [LocalityGroup], _ rules: [Istio.LocalityLoadBalancerSetting.Distribute]
  ) -> [LocalityGroup] {
    guard let rule = rules.first(where: { locality.isCovered(by: $0.from) }) else { return groups }
    var groups = groups
    var rest = Set(groups.indices)
    for (place, weight) in rule.to.sorted(by: { $0.key < $1.key }) {
      let found = rest.filter { groups[$0].locality.isCovered(by: place) }
      rest.subtract(found)
      let total = found.reduce(UInt64(0)) { $0 + UInt64(groups[$1].weight ?? 1) }
      for index in found {
        let share = UInt64(groups[index].weight ?? 1) * UInt64(weight)
        if share > 0 { groups[index].weight = UInt32(clamping: (share + total - 1) / total) }
      }
    }
    for index in rest { groups[index].endpoints = [] }
    return groups
  }

  /// Nearer places go before farther ones; of other regions the one that is named goes first.
  func byDistance(
    _ groups: [LocalityGroup], _ failover: [Istio.LocalityLoadBalancerSetting.Failover]
  ) -> [LocalityGroup] {
    let target = failover.first { $0.from == locality.region }?.to
    return prioritised(groups, levels: 5) { place in
      let distance = locality.distance(to: place)
      return distance == 3 && target != nil && place.region != target ? 4 : distance
    }
  }

  /// The proxy's region goes first, then the one that is named, then the others.
  func byRegion(
    _ groups: [LocalityGroup], _ failover: [Istio.ZoneAwareLoadBalancerSetting.Failover]
  ) -> [LocalityGroup] {
    let target = failover.first { $0.from == locality.region }?.to
    return prioritised(groups, levels: 3) { place in
      place.region == locality.region ? 0 : place.region == target ? 1 : 2
    }
  }

  /// Endpoints that share more labels with the proxy, counted from the first, go before others.
  func byLabels(_ groups: [LocalityGroup], _ priorities: [String]) -> [LocalityGroup] {
    guard hasLabels else { return groups }
    let wanted = priorities.map { text -> (label: String, value: String) in
      let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
      return (parts[0], parts.count == 2 ? parts[1] : labels[parts[0]] ?? "")
    }
    let split = groups.flatMap { group in
      Dictionary(grouping: group.endpoints) { priority(of: $0, wanted) }
        .sorted { $0.key < $1.key }.map { priority, endpoints in
          var part = LocalityGroup(group.locality, endpoints)
          part.priority = UInt32(priority)
          return part
        }
    }
    return compacted(split)
  }

  private func priority(
    of endpoint: BalancedEndpoint, _ wanted: [(label: String, value: String)]
  ) -> Int {
    let first = wanted.enumerated().first { endpoint.labels[$1.label] ?? "" != $1.value }
    return first.map { wanted.count - $0.offset } ?? 0
  }

  private func prioritised(
    _ groups: [LocalityGroup], levels: UInt32, _ level: (Locality) -> UInt32
  ) -> [LocalityGroup] {
    compacted(
      groups.map { group in
        var group = group
        group.priority = group.priority * levels + level(group.locality)
        return group
      })
  }

  /// Envoy wants priorities without gaps, from 0.
  private func compacted(_ groups: [LocalityGroup]) -> [LocalityGroup] {
    let levels = Set(groups.map(\.priority)).sorted()
    let places = Dictionary(uniqueKeysWithValues: zip(levels, UInt32(0)...))
    return groups.map { group in
      var group = group
      group.priority = places[group.priority] ?? group.priority
      return group
    }
  }
}

extension Locality {
  /// Whether a rule's `region/zone/subzone`, where `*` and what is left out mean all, covers this.
  fileprivate func isCovered(by rule: String) -> Bool {
    let place = Locality(path: rule)
    func covers(_ written: String, _ actual: String) -> Bool {
      written == "*" || written.isEmpty || written == actual
    }
    return (place.region == "*" || place.region == region) && covers(place.zone, zone)
      && covers(place.subzone, subzone)
  }

  /// 0 the same subzone, 1 the same zone, 2 the same region, 3 another region.
  fileprivate func distance(to other: Locality) -> UInt32 {
    if region != other.region { return 3 }
    if zone != other.zone { return 2 }
    return subzone == other.subzone ? 0 : 1
  }
}
