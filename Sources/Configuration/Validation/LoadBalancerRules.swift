// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Checks how endpoints are chosen.
  mutating func check(
    _ balancer: Istio.LoadBalancerSettings, hasOutlierDetection: Bool, _ path: FieldPath
  ) {
    if case .consistentHash(let hash)? = balancer.lbPolicy { check(hash, path["consistentHash"]) }
    require(
      balancer.localityLbSetting == nil || balancer.zoneAwareLbSetting == nil,
      path["zoneAwareLbSetting"], "does not go with localityLbSetting")
    if let locality = balancer.localityLbSetting {
      check(locality, hasOutlierDetection: hasOutlierDetection, path["localityLbSetting"])
    }
    if let zones = balancer.zoneAwareLbSetting {
      check(zones, hasOutlierDetection: hasOutlierDetection, path["zoneAwareLbSetting"])
    }
    guard let warmup = balancer.warmup else { return }
    require(warmup.duration != nil, path["warmup"]["duration"], "must be given")
    duration(warmup.duration, path["warmup"]["duration"])
    require(
      (warmup.minimumPercent ?? 0) <= 100, path["warmup"]["minimumPercent"], "must be at most 100")
    require((warmup.aggression ?? 1) > 0, path["warmup"]["aggression"], "must be more than 0")
  }

  private mutating func check(
    _ hash: Istio.LoadBalancerSettings.ConsistentHashLB, _ path: FieldPath
  ) {
    if case .httpCookie(let cookie)? = hash.hashKey {
      let here = path["httpCookie"]
      require(!cookie.name.isEmpty, here["name"], "must be given")
      var names: Set<String> = []
      for (index, attribute) in cookie.attributes.enumerated() {
        let name = here["attributes"][index]["name"]
        require(!attribute.name.isEmpty, name, "must be given")
        require(names.insert(attribute.name).inserted, name, "is given twice")
      }
    }
    warn(
      hash.minimumRingSize != 0, path["minimumRingSize"], "is deprecated: use ringHash")
    require(
      hash.minimumRingSize == 0 || hash.hashAlgorithm == nil, path["minimumRingSize"],
      "does not go with ringHash and maglev")
    if case .maglev(let maglev)? = hash.hashAlgorithm {
      require(
        maglev.tableSize < 5_000_011 && Names.isPrime(maglev.tableSize),
        path["maglev"]["tableSize"], "must be a prime number less than 5000011")
    }
  }

  /// Checks how requests are shared among localities.
  mutating func check(
    _ locality: Istio.LocalityLoadBalancerSetting, hasOutlierDetection: Bool, _ path: FieldPath
  ) {
    require(
      locality.distribute.isEmpty || locality.failover.isEmpty, path["failover"],
      "does not go with distribute")
    for (index, label) in locality.failoverPriority.enumerated() {
      require(
        locality.failover.isEmpty || !Names.isTopology(label), path["failoverPriority"][index],
        "does not go with failover")
    }
    localities(locality.distribute.map(\.from), path["distribute"])
    for (index, share) in locality.distribute.enumerated() {
      let here = path["distribute"][index]["to"]
      require(
        share.to.values.allSatisfy { (1...100).contains($0) }, here,
        "weights must be from 1 to 100")
      let total = share.to.values.reduce(UInt64(0)) { $0 + UInt64($1) }
      require(total == 100, here, "weights must add up to 100, not \(total)")
      localities(share.to.keys.sorted(), here)
    }
    failover(
      locality.failover.map { ($0.from, $0.to) }, locality.failoverPriority,
      hasOutlierDetection: hasOutlierDetection, path)
  }

  /// Checks how requests are kept in a zone.
  mutating func check(
    _ zones: Istio.ZoneAwareLoadBalancerSetting, hasOutlierDetection: Bool, _ path: FieldPath
  ) {
    failover(
      zones.failover.map { ($0.from, $0.to) }, zones.failoverPriority,
      hasOutlierDetection: hasOutlierDetection, path)
    for (index, label) in zones.failoverPriority.enumerated() {
      require(
        !Names.isTopology(label), path["failoverPriority"][index], "is taken care of already")
    }
  }

  private mutating func failover(
    _ pairs: [(from: String, to: String)], _ priority: [String], hasOutlierDetection: Bool,
    _ path: FieldPath
  ) {
    let field = path[pairs.isEmpty ? "failoverPriority" : "failover"]
    warn(
      !hasOutlierDetection && !(pairs.isEmpty && priority.isEmpty), field,
      "has no effect without outlierDetection")
    for (index, pair) in pairs.enumerated() {
      let here = path["failover"][index]
      require(pair.from != pair.to, here, "must lead to another region")
      require(
        !(pair.from + pair.to).contains { "/*".contains($0) }, here,
        "takes names of regions only")
    }
  }

  /// Checks that no place is meant by two of the names; `a/*` and a later `a/b` do.
  mutating func localities(_ names: [String], _ path: FieldPath) {
    /// Region, zone and subzone of the names so far; `*` means all of them.
    var seen: [String: [String: Set<String>]] = [:]
    for name in names {
      let stars = name.filter { $0 == "*" }.count
      let parts = name.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false).map(
        String.init)
      guard stars == 0 || stars == 1 && name.hasSuffix("*"), !parts.contains("") else {
        return error(path, "\"\(name)\" is not a locality")
      }
      let zones = seen[parts[0]]
      let subzones = parts.count > 1 ? zones?[parts[1]] : nil
      let isTaken =
        switch parts.count {
        case 1: zones != nil
        case 2: zones?["*"] != nil || subzones != nil
        default: zones?["*"] != nil || subzones?.contains { ["*", parts[2]].contains($0) } ?? false
        }
      guard seen["*"] == nil, !isTaken else {
        return error(path, "\"\(name)\" overlaps with a name before it")
      }
      let zone = parts.count > 1 ? parts[1] : "*"
      seen[parts[0], default: [:]][zone, default: []].insert(parts.count > 2 ? parts[2] : "*")
    }
  }
}

extension Names {
  /// Whether a label says the region, zone or subzone.
  static func isTopology(_ label: String) -> Bool {
    [
      "topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone",
    ].contains(label)
  }

  /// Whether a number has no divisors, as Envoy counts: 1 too; by trial up to its root.
  static func isPrime(_ number: UInt64) -> Bool {
    guard number > 3 else { return number > 0 }
    guard number % 2 != 0 else { return false }
    var divisor: UInt64 = 3
    while divisor * divisor <= number {
      if number % divisor == 0 { return false }
      divisor += 2
    }
    return true
  }
}
