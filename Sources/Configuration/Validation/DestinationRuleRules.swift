// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Checks a DestinationRule.
  mutating func check(_ object: ConfigObject<Istio.DestinationRule>, _ path: FieldPath) {
    let rule = object.spec
    let namespace = object.meta.namespace
    wildcardDomain(rule.host, path["host"])
    if let policy = rule.trafficPolicy { check(policy, namespace, path["trafficPolicy"]) }
    var names: Set<String> = []
    for (index, subset) in rule.subsets.enumerated() {
      let here = path["subsets"][index]
      require(names.insert(subset.name).inserted, here["name"], "is given twice")
      require(Names.isDNSLabel(subset.name), here["name"], "\"\(subset.name)\" is not a name")
      labels(subset.labels, here["labels"])
      if let policy = subset.trafficPolicy { check(policy, namespace, here["trafficPolicy"]) }
    }
    check(rule.workloadSelector, path["workloadSelector"])
    exportTo(rule.exportTo, namespace: namespace, allowsNone: false, path["exportTo"])
    if rule.workloadSelector != nil {
      require(
        rule.exportTo.allSatisfy([".", namespace].contains), path["exportTo"],
        "a rule with a workloadSelector counts in its own namespace only")
    }
  }

  private mutating func check(
    _ policy: Istio.TrafficPolicy, _ namespace: String, _ path: FieldPath
  ) {
    require(policy != Istio.TrafficPolicy(), path, "must have a field")
    require(
      policy.tunnel == nil || policy.proxyProtocol == nil, path["tunnel"],
      "does not go with proxyProtocol")
    check(policy.outlierDetection, policy.connectionPool, policy.loadBalancer, path)
    if let tls = policy.tls { check(tls, namespace: namespace, path["tls"]) }
    for (index, level) in policy.portLevelSettings.enumerated() {
      let here = path["portLevelSettings"][index]
      require(level.port != nil, here["port"], "must be given")
      let isEmpty =
        level.outlierDetection == nil && level.connectionPool == nil && level.loadBalancer == nil
        && level.tls == nil
      require(!isEmpty, here, "must have a field besides port")
      check(level.outlierDetection, level.connectionPool, level.loadBalancer, here)
      if let tls = level.tls { check(tls, namespace: namespace, here["tls"]) }
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

  private mutating func check(
    _ outlier: Istio.OutlierDetection?, _ pool: Istio.ConnectionPoolSettings?,
    _ balancer: Istio.LoadBalancerSettings?, _ path: FieldPath
  ) {
    if let outlier { check(outlier, path["outlierDetection"]) }
    if let pool { check(pool, path["connectionPool"]) }
    if let balancer {
      check(balancer, hasOutlierDetection: outlier != nil, path["loadBalancer"])
    }
  }

  /// Checks when hosts are taken out.
  mutating func check(_ outlier: Istio.OutlierDetection, _ path: FieldPath) {
    warn(
      outlier.consecutiveErrors != 0, path["consecutiveErrors"],
      "is deprecated: use consecutiveGatewayErrors or consecutive5xxErrors")
    duration(outlier.baseEjectionTime, path["baseEjectionTime"])
    duration(outlier.interval, path["interval"])
    require(
      outlier.splitExternalLocalOriginErrors || (outlier.consecutiveLocalOriginFailures ?? 0) == 0,
      path["consecutiveLocalOriginFailures"], "needs splitExternalLocalOriginErrors")
    percent(outlier.maxEjectionPercent, path["maxEjectionPercent"])
    percent(outlier.minHealthPercent, path["minHealthPercent"])
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
    // Less than a millisecond means none.
    if let idle = tcp.idleTimeout, idle <= .milliseconds(-1) || idle >= .milliseconds(1) {
      duration(idle, here["idleTimeout"])
    }
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
}
