// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Checks a DestinationRule.
  mutating func check(_ object: ConfigObject<Istio.DestinationRule>, _ path: FieldPath) {
    let rule = object.spec
    wildcardDomain(rule.host, path["host"])
    if let policy = rule.trafficPolicy { check(policy, path["trafficPolicy"]) }
    var names: Set<String> = []
    for (index, subset) in rule.subsets.enumerated() {
      let here = path["subsets"][index]
      require(names.insert(subset.name).inserted, here["name"], "is given twice")
      require(Names.isDNSLabel(subset.name), here["name"], "\"\(subset.name)\" is not a name")
      labels(subset.labels, here["labels"])
      if let policy = subset.trafficPolicy { check(policy, here["trafficPolicy"]) }
    }
    if rule.workloadSelector == nil {
      exportTo(rule.exportTo, namespace: object.meta.namespace, allowsNone: false, path["exportTo"])
    } else {
      let own = [".", object.meta.namespace]
      require(
        rule.exportTo.allSatisfy(own.contains), path["exportTo"],
        "a rule with a workloadSelector counts in its own namespace only")
    }
  }

  private mutating func check(_ policy: Istio.TrafficPolicy, _ path: FieldPath) {
    require(policy != Istio.TrafficPolicy(), path, "must have a field")
    require(
      policy.tunnel == nil || policy.proxyProtocol == nil, path["tunnel"],
      "does not go with proxyProtocol")
    checkParts(
      policy.outlierDetection, policy.connectionPool, policy.loadBalancer, policy.tls, path)
    for (index, level) in policy.portLevelSettings.enumerated() {
      let here = path["portLevelSettings"][index]
      require(level.port != nil, here["port"], "must be given")
      let isEmpty =
        level.outlierDetection == nil && level.connectionPool == nil && level.loadBalancer == nil
        && level.tls == nil
      require(!isEmpty, here, "must have a field besides port")
      checkParts(
        level.outlierDetection, level.connectionPool, level.loadBalancer, level.tls, here)
    }
    guard let tunnel = policy.tunnel else { return }
    require(
      ["", "CONNECT", "POST"].contains(tunnel.protocol), path["tunnel"]["protocol"],
      "must be CONNECT or POST")
    require(
      IPAddress(tunnel.targetHost) != nil || Names.isDomain(tunnel.targetHost),
      path["tunnel"]["targetHost"], "is no IP address or domain name")
    port(tunnel.targetPort, path["tunnel"]["targetPort"])
  }

  private mutating func checkParts(
    _ outlier: Istio.OutlierDetection?, _ pool: Istio.ConnectionPoolSettings?,
    _ balancer: Istio.LoadBalancerSettings?, _ tls: Istio.ClientTLSSettings?, _ path: FieldPath
  ) {
    if let outlier { check(outlier, path["outlierDetection"]) }
    if let pool { check(pool, path["connectionPool"]) }
    if let balancer { check(balancer, outlier: outlier, path["loadBalancer"]) }
    if let tls { check(tls, path["tls"]) }
  }

  private mutating func check(_ outlier: Istio.OutlierDetection, _ path: FieldPath) {
    duration(outlier.baseEjectionTime, path["baseEjectionTime"])
    duration(outlier.interval, path["interval"])
    require(
      outlier.splitExternalLocalOriginErrors || (outlier.consecutiveLocalOriginFailures ?? 0) == 0,
      path["consecutiveLocalOriginFailures"], "needs splitExternalLocalOriginErrors")
    for (field, value) in [
      ("maxEjectionPercent", outlier.maxEjectionPercent),
      ("minHealthPercent", outlier.minHealthPercent),
    ] {
      require((0...100).contains(value), path[field], "must be from 0 to 100")
    }
  }

  /// Checks the limits of connections.
  mutating func check(_ pool: Istio.ConnectionPoolSettings, _ path: FieldPath) {
    require(pool.http != nil || pool.tcp != nil, path, "must have http or tcp")
    if let http = pool.http { check(http, path["http"]) }
    guard let tcp = pool.tcp else { return }
    let here = path["tcp"]
    require(tcp.maxConnections >= 0, here["maxConnections"], "must not be negative")
    duration(tcp.connectTimeout, here["connectTimeout"])
    duration(tcp.maxConnectionDuration, here["maxConnectionDuration"])
    if tcp.idleTimeout != .zero { duration(tcp.idleTimeout, here["idleTimeout"]) }
    duration(tcp.tcpKeepalive?.time, here["tcpKeepalive"]["time"])
    duration(tcp.tcpKeepalive?.interval, here["tcpKeepalive"]["interval"])
  }

  private mutating func check(
    _ http: Istio.ConnectionPoolSettings.HTTPSettings, _ path: FieldPath
  ) {
    for (field, value) in [
      ("http1MaxPendingRequests", http.http1MaxPendingRequests),
      ("http2MaxRequests", http.http2MaxRequests),
      ("maxRequestsPerConnection", http.maxRequestsPerConnection), ("maxRetries", http.maxRetries),
      ("maxConcurrentStreams", http.maxConcurrentStreams),
    ] {
      require(value >= 0, path[field], "must not be negative")
    }
    duration(http.idleTimeout, path["idleTimeout"])
    require(
      http.h2UpgradePolicy != .upgrade || !http.useClientProtocol, path["useClientProtocol"],
      "does not go with the upgrade to HTTP/2")
    guard let alive = http.http2KeepAlive else { return }
    let here = path["http2KeepAlive"]
    require(alive.interval != nil, here["interval"], "must be given")
    require(alive.timeout != nil, here["timeout"], "must be given")
    duration(alive.interval, here["interval"])
    duration(alive.timeout, here["timeout"])
  }

  private mutating func check(
    _ balancer: Istio.LoadBalancerSettings, outlier: Istio.OutlierDetection?, _ path: FieldPath
  ) {
    if case .consistentHash(let hash)? = balancer.lbPolicy { check(hash, path["consistentHash"]) }
    require(
      balancer.localityLbSetting == nil || balancer.zoneAwareLbSetting == nil,
      path["zoneAwareLbSetting"], "does not go with localityLbSetting")
    if let locality = balancer.localityLbSetting { check(locality, path["localityLbSetting"]) }
    if let zones = balancer.zoneAwareLbSetting {
      let here = path["zoneAwareLbSetting"]
      failover(zones.failover.map { ($0.from, $0.to) }, here["failover"])
      for (index, label) in zones.failoverPriority.enumerated() {
        require(
          !Names.isTopology(label), here["failoverPriority"][index], "is taken care of already")
      }
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
    require(
      hash.minimumRingSize == 0 || hash.hashAlgorithm == nil, path["minimumRingSize"],
      "does not go with ringHash and maglev")
    if case .maglev(let maglev)? = hash.hashAlgorithm {
      require(
        maglev.tableSize < 5_000_011 && Names.isPrime(maglev.tableSize),
        path["maglev"]["tableSize"], "must be a prime number less than 5000011")
    }
  }

  private mutating func check(
    _ locality: Istio.LocalityLoadBalancerSetting, _ path: FieldPath
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
    failover(locality.failover.map { ($0.from, $0.to) }, path["failover"])
  }

  private mutating func failover(_ pairs: [(from: String, to: String)], _ path: FieldPath) {
    for (index, pair) in pairs.enumerated() {
      require(pair.from != pair.to, path[index], "must lead to another region")
      require(
        !(pair.from + pair.to).contains { "/*".contains($0) }, path[index],
        "takes names of regions only")
    }
  }

  /// Places must not mean one another's: `a/*` and `a/b` do.
  private mutating func localities(_ names: [String], _ path: FieldPath) {
    for (index, name) in names.enumerated() {
      let stars = name.filter { $0 == "*" }.count
      require(
        !name.isEmpty && stars < 2 && (stars == 0 || name.hasSuffix("*")), path,
        "\"\(name)\" is not a locality")
      let overlapped = names[..<index].first { Names.overlapLocalities($0, name) }
      if let overlapped { error(path, "\"\(name)\" overlaps \"\(overlapped)\"") }
    }
  }

  private mutating func check(_ tls: Istio.ClientTLSSettings, _ path: FieldPath) {
    let usesCertificates = tls.mode == .simple || tls.mode == .mutual
    if tls.insecureSkipVerify == true, usesCertificates {
      require(
        tls.caCertificates.isEmpty && tls.subjectAltNames.isEmpty
          && (tls.mode == .mutual || tls.credentialName.isEmpty), path["insecureSkipVerify"],
        "does not go with what would be verified")
    }
    if usesCertificates, !tls.credentialName.isEmpty {
      let files = [tls.clientCertificate, tls.caCertificates, tls.privateKey, tls.caCrl]
      require(
        files.allSatisfy(\.isEmpty), path["credentialName"],
        "does not go with certificates of files")
      return
    }
    guard tls.mode == .mutual else { return }
    require(!tls.clientCertificate.isEmpty, path["clientCertificate"], "MUTUAL needs it")
    require(!tls.privateKey.isEmpty, path["privateKey"], "MUTUAL needs it")
  }
}

extension Names {
  /// Whether a label says the region, zone or subzone.
  static func isTopology(_ label: String) -> Bool {
    [
      "topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone",
    ].contains(label)
  }

  /// Whether two localities, perhaps with `*` at the end, mean one place.
  static func overlapLocalities(_ left: String, _ right: String) -> Bool {
    let parts = [left, right].map { text in
      text.split(separator: "/").map(String.init).filter { $0 != "*" }
    }
    return zip(parts[0], parts[1]).allSatisfy { $0 == $1 }
  }

  /// Whether a number has no divisors; by trial up to its root.
  static func isPrime(_ number: UInt64) -> Bool {
    guard number > 3 else { return number > 1 }
    guard number % 2 != 0 else { return false }
    var divisor: UInt64 = 3
    while divisor * divisor <= number {
      if number % divisor == 0 { return false }
      divisor += 2
    }
    return true
  }
}
