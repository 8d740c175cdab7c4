// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import RegularExpression

extension RulePlan {
  /// Sets where requests of the route go.
  func setForwarding(of route: Envoy.Route) {
    let action = route.make(Envoy.RouteAction.self)
    route.route = action
    action.setTimeout(rule.timeout, timeouts)
    if semantics == .gateway { action.clusterNotFoundResponseCode = .internalServerError }
    var authority = rule.headers.map { HeaderMutations($0).authority } ?? ""
    if let rewrite = rule.rewrite {
      setRewrite(rewrite, of: action, match: route.match)
      if !rewrite.authority.isEmpty { authority = rewrite.authority }
    }
    if !authority.isEmpty { action.hostRewriteLiteral = authority }
    setMirrors(of: action)
    if rule.route.count == 1, let target = targets.first {
      setOnlyTarget(target, of: route, action)
    } else {
      setWeightedTargets(of: action)
    }
    let isHashed = targets.count == 1 && targets[0].hash != nil
    action.retryPolicy = retryPolicy(retries, keepsHosts: isHashed, in: route.arena)
  }

  private func setRewrite(
    _ rewrite: Istio.HTTPRewrite, of action: Envoy.RouteAction, match: Envoy.RouteMatch?
  ) {
    action.appendXForwardedHost = forwardsHost
    if let regex = rewrite.uriRegexRewrite {
      action.setRegexRewrite(regexes.matcher(regex.match, in: action.arena), regex.rewrite)
    } else if semantics == .gateway, rewrite.uri == "/" {
      // The prefix goes; the slash stays where nothing else is left of the path.
      let prefix = RegularExpression.quote(match?.pathSeparatedPrefix ?? "")
      let matcher = regexes.matcher("^\(prefix)(/?)(.*)", in: action.arena)
      action.setRegexRewrite(matcher, "/\\2")
    } else {
      action.prefixRewrite = rewrite.uri
    }
  }

  private func setMirrors(of action: Envoy.RouteAction) {
    var shares: [Share?] = []
    if rule.mirror != nil {
      shares.append(Share(percentage: rule.mirrorPercentage, percent: rule.mirrorPercent))
    }
    for mirror in rule.mirrors where mirror.destination != nil {
      shares.append(Share(percentage: mirror.percentage, percent: nil))
    }
    for (cluster, share) in zip(mirrors, shares) {
      guard let share else { continue }
      action.requestMirrorPolicies.append(
        action.make(Envoy.RouteAction.RequestMirrorPolicy.self) { policy in
          policy.cluster = cluster
          policy.runtimeFraction = policy.make(Envoy.RuntimeFractionalPercent.self) {
            $0.defaultValue = share.message(in: action.arena)
          }
          policy.traceSampled = false
          policy.disableShadowHostSuffixAppend = keepsMirroredHost
        })
    }
  }

  private func setOnlyTarget(
    _ target: Target, of route: Envoy.Route, _ action: Envoy.RouteAction
  ) {
    action.cluster = target.cluster
    if let headers = rule.route[0].headers {
      let mutations = HeaderMutations(headers)
      route.apply(mutations)
      if !mutations.authority.isEmpty, action.hostRewriteSpecifier == nil {
        action.hostRewriteLiteral = mutations.authority
      }
    }
    if let policy = target.hash?.message(in: route.arena) { action.hashPolicy.append(policy) }
  }

  private func setWeightedTargets(of action: Envoy.RouteAction) {
    let arena = action.arena
    let weighted = action.make(Envoy.WeightedCluster.self)
    for (destination, target) in zip(rule.route, targets) where destination.weight != 0 {
      weighted.clusters.append(
        weighted.make(Envoy.WeightedCluster.ClusterWeight.self) { cluster in
          cluster.name = target.cluster
          cluster.weight = UInt32(clamping: destination.weight)
          if let headers = destination.headers { cluster.apply(HeaderMutations(headers)) }
        })
      if let policy = target.hash?.message(in: arena) { action.hashPolicy.append(policy) }
    }
    action.weightedClusters = weighted
  }
}

extension Envoy.RouteAction {
  /// Sets the timeout, and the most that `grpc-timeout` may ask for; nil is none.
  func setTimeout(_ written: Duration?, _ form: TimeoutForm) {
    let limit = written ?? .zero
    timeout = limit
    switch form {
    case .istio: maxGrpcTimeout = limit
    case .plain: break
    case .grpcLibrary:
      maxStreamDuration = make(MaxStreamDuration.self) { $0.maxStreamDuration = limit }
    }
  }

  fileprivate func setRegexRewrite(_ pattern: Envoy.RegexMatcher, _ substitution: String) {
    regexRewrite = make(Envoy.RegexMatchAndSubstitute.self) { rewrite in
      rewrite.pattern = pattern
      rewrite.substitution = substitution
    }
  }
}

/// A share of requests.
struct Share: Hashable, Sendable {
  private var numerator: UInt32
  private var isMillionths: Bool

  /// A share in percent with fractions down to a millionth.
  init(_ percentage: Istio.Percent) {
    numerator = UInt32(clamping: Int64(percentage.value * 10_000))
    isMillionths = true
  }

  /// A whole number of percent.
  init(percent: UInt32) {
    numerator = percent
    isMillionths = false
  }

  /// The share of a mirror: everything where nothing is said; nil for nothing.
  init?(percentage: Istio.Percent?, percent: UInt32?) {
    if let percentage {
      guard percentage.value > 0 else { return nil }
      self.init(percentage)
    } else {
      guard percent != 0 else { return nil }
      self.init(percent: percent ?? 100)
    }
  }

  func message(in arena: Arena) -> Envoy.FractionalPercent {
    Envoy.FractionalPercent(arena) {
      $0.numerator = numerator
      $0.denominator = isMillionths ? .million : .hundred
    }
  }
}

extension Istio.LoadBalancerSettings.ConsistentHashLB {
  /// What of a request is hashed; nil where nothing is said.
  func message(in arena: Arena) -> Envoy.RouteAction.HashPolicy? {
    guard let hashKey else { return nil }
    return Envoy.RouteAction.HashPolicy(arena) { policy in
      switch hashKey {
      case .httpHeaderName(let name):
        policy.header = policy.make(Envoy.RouteAction.HashPolicy.Header.self) {
          $0.headerName = name
        }
      case .httpCookie(let cookie): policy.cookie = cookie.message(in: arena)
      case .useSourceIp(let isUsed):
        policy.connectionProperties = policy.make(
          Envoy.RouteAction.HashPolicy.ConnectionProperties.self
        ) { $0.sourceIp = isUsed }
      case .httpQueryParameterName(let name):
        policy.queryParameter = policy.make(Envoy.RouteAction.HashPolicy.QueryParameter.self) {
          $0.name = name
        }
      }
    }
  }
}

extension Istio.LoadBalancerSettings.ConsistentHashLB.HTTPCookie {
  fileprivate func message(in arena: Arena) -> Envoy.RouteAction.HashPolicy.Cookie {
    Envoy.RouteAction.HashPolicy.Cookie(arena) { cookie in
      cookie.name = name
      cookie.path = path
      cookie.ttl = ttl
      for attribute in attributes {
        cookie.attributes.append(
          cookie.make(Envoy.RouteAction.HashPolicy.CookieAttribute.self) {
            $0.name = attribute.name
            $0.value = attribute.value
          })
      }
    }
  }
}
