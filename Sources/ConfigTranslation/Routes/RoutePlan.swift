// SPDX-License-Identifier: Apache-2.0

import Configuration

/// One route of a virtual host, as a value: all that its message is made of.
enum RoutePlan: Hashable, Sendable {
  /// Of a VirtualService.
  case rule(RulePlan)
  /// Of a service without rules.
  case service(ServiceRoutePlan)
  /// Of everything that no virtual host is for.
  case fallback(FallbackPlan)

  /// Whether every request matches, so that what follows is dead.
  var isCatchAll: Bool {
    switch self {
    case .rule(let plan): plan.isCatchAll
    case .service, .fallback: true
    }
  }
}

/// A route that one match of one rule of a VirtualService makes.
struct RulePlan: Hashable, Sendable {
  /// What made the VirtualService: rules of prefixes and paths differ.
  enum Semantics: Hashable, Sendable {
    case istio
    case ingress
    case gateway
  }

  /// A cluster that the rule sends to, beside the destination that named it.
  struct Target: Hashable, Sendable {
    var cluster: String
    var hash: Istio.LoadBalancerSettings.ConsistentHashLB?
  }

  /// The VirtualService.
  var source: ObjectKey
  var semantics = Semantics.istio
  /// The rule without its matches.
  var rule: Istio.HTTPRoute
  /// The match; nil where the rule has none.
  var match: Istio.HTTPMatchRequest?
  /// The port that the route is for: of the service, or of a gateway's server.
  var port: UInt32
  /// Whether the listener ends TLS.
  var isTLS = false
  /// Whether responses tell clients that HTTP/3 is spoken on the port too.
  var tellsOfHTTP3 = false
  /// The clusters of the rule's destinations, in their order.
  var targets: [Target] = []
  /// The clusters of `rule.mirror` and `rule.mirrors`, in this order.
  var mirrors: [String] = []
  /// The retries that count: the rule's, else the mesh's; nil for the standard.
  var retries: Istio.HTTPRetry?
  /// Whether a rewritten host is passed on (`proxyHeaders.xForwardedHost`).
  var forwardsHost = false
  /// How the client is told of timeouts.
  var timeouts: TimeoutForm
  /// How large regular expressions may be.
  var regexes: RegexLimit
  /// Whether mirrored requests keep their host (`DISABLE_SHADOW_HOST_SUFFIX`).
  var keepsMirroredHost = true
  /// The session that the destination's service asks for.
  var session: SessionPlan?

  /// The name: of the rule, and of the match behind a dot.
  var name: String {
    guard let match, !match.name.isEmpty else { return rule.name }
    return "\(rule.name).\(match.name)"
  }

  var isCatchAll: Bool {
    guard let match else { return true }
    let covers =
      switch match.uri {
      case nil, .unset?: true
      case .exact?: false
      case .prefix(let text)?: text == "/"
      case .regex(let text)?: text == ".*"
      }
    return covers && match.headers.isEmpty && match.withoutHeaders.isEmpty
      && match.queryParams.isEmpty && match.method == nil && match.authority == nil
      && match.scheme == nil
  }
}

/// The route of a service that no VirtualService is for.
struct ServiceRoutePlan: Hashable, Sendable {
  var cluster: ClusterName
  var hash: Istio.LoadBalancerSettings.ConsistentHashLB?
  /// The mesh's retries; nil for the standard.
  var retries: Istio.HTTPRetry?
  var timeouts: TimeoutForm
}

/// The one route of the virtual host `*` of a sidecar.
struct FallbackPlan: Hashable, Sendable {
  enum Action: Hashable, Sendable {
    /// The request goes to a cluster; the virtual host has this name.
    case cluster(String, name: String)
    /// The request is refused with 502.
    case refuse
  }

  var action: Action
  var forwardsHost: Bool
  var timeouts: TimeoutForm

  /// The name of route and virtual host.
  var name: String {
    switch action {
    case .cluster(_, let name): name
    case .refuse: "block_all"
    }
  }
}

/// A session that keeps a client on one endpoint (labels `istio.io/persistent-session…`).
enum SessionPlan: Hashable, Sendable {
  case cookie(name: String, path: String)
  case header(String)
}

/// A virtual host as a value.
struct VirtualHostPlan: Hashable, Sendable {
  var name: String
  var domains: [String]
  var routes: [RoutePlan]
  var includesAttemptCount = true
  /// Whether plain requests are redirected to TLS.
  var requiresTLS = false
  /// The session that the service asks for.
  var session: SessionPlan?
}
