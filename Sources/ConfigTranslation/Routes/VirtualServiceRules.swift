// SPDX-License-Identifier: Apache-2.0

import Configuration
public import MeshModel
import ServiceDiscovery

/// Gathers the routes of VirtualServices for one port of a proxy.
struct VirtualServiceRules {
  private let context: ProxyContext
  /// The gateways that routes are made for; ``VirtualServiceIndex/mesh`` for sidecars.
  private let gateways: Set<String>
  private let port: UInt32
  private let isTLS: Bool
  private let tellsOfHTTP3: Bool
  private let lookup: (Hostname) -> MeshService?
  private let headers: Istio.Mesh.ProxyConfig.ProxyHeaders?

  init(
    _ context: ProxyContext, gateways: Set<String>, port: UInt32, isTLS: Bool = false,
    tellsOfHTTP3: Bool = false, lookup: @escaping (Hostname) -> MeshService?
  ) {
    self.context = context
    self.gateways = gateways
    self.port = port
    self.isTLS = isTLS
    self.tellsOfHTTP3 = tellsOfHTTP3
    self.lookup = lookup
    headers = context.proxyHeaders
  }

  /// The routes of a VirtualService in order; none where no match is for this proxy.
  ///
  /// What follows a route that matches everything is dropped.
  func routes(of service: ResolvedVirtualService) -> [RoutePlan] {
    var plans: [RoutePlan] = []
    for rule in service.spec.http {
      if rule.match.isEmpty {
        plans.append(plan(rule, nil, of: service))
        return plans
      }
      for match in rule.match where applies(match) {
        let plan = plan(rule, match, of: service)
        plans.append(plan)
        if plan.isCatchAll { return plans }
      }
    }
    return plans
  }

  /// Whether a match is for this port, this proxy's labels and namespace, and these gateways.
  private func applies(_ match: Istio.HTTPMatchRequest) -> Bool {
    if match.port != 0, match.port != port { return false }
    if !match.gateways.isEmpty { return match.gateways.contains { gateways.contains($0) } }
    guard match.sourceLabels.isSubset(of: context.node.labels) else { return false }
    return match.sourceNamespace.isEmpty || match.sourceNamespace == context.node.namespace
  }

  private func plan(
    _ rule: Istio.HTTPRoute, _ match: Istio.HTTPMatchRequest?, of service: ResolvedVirtualService
  ) -> RoutePlan {
    var written = rule
    written.match = []
    written.delegate = nil
    var plan = RulePlan(
      source: service.object.key, rule: written, match: match.map(withoutConditions), port: port,
      timeouts: TimeoutForm(context.node), regexes: RegexLimit(context.node))
    plan.semantics = service.meta.routeSemantics
    plan.isTLS = isTLS
    plan.tellsOfHTTP3 = tellsOfHTTP3
    plan.retries = rule.retries ?? context.settings.mesh.defaultHttpRetryPolicy
    plan.forwardsHost = headers?.xForwardedHost?.enabled == true
    plan.keepsMirroredHost = context.settings.feature("DISABLE_SHADOW_HOST_SUFFIX", default: true)
    if rule.redirect == nil, rule.directResponse == nil { setTargets(of: &plan) }
    return .rule(plan)
  }

  /// The match without what ``applies(_:)`` has seen to.
  private func withoutConditions(_ match: Istio.HTTPMatchRequest) -> Istio.HTTPMatchRequest {
    var match = match
    match.port = 0
    match.gateways = []
    match.sourceLabels = [:]
    match.sourceNamespace = ""
    return match
  }

  private func setTargets(of plan: inout RulePlan) {
    let rule = plan.rule
    plan.targets = rule.route.map {
      RulePlan.Target(cluster: cluster($0.destination), hash: context.hash(of: $0.destination))
    }
    plan.mirrors =
      (rule.mirror.map { [cluster($0)] } ?? [])
      + rule.mirrors.compactMap { $0.destination.map(cluster) }
    let counted = rule.route.count == 1 ? rule.route : rule.route.filter { $0.weight != 0 }
    for destination in counted {
      let host = Hostname(valid: destination.destination?.host ?? "")
      let session = lookup(host).flatMap(context.session)
      // The first of two sessions counts, and a destination without one ends it: as in istiod.
      if session != nil, plan.session != nil { break }
      plan.session = session
    }
  }

  private func cluster(_ destination: Istio.Destination?) -> String {
    let destination = destination ?? .init()
    return context.destinationCluster(
      destination, service: lookup(Hostname(valid: destination.host)), port: port)
  }
}

extension ObjectMeta {
  /// What an object made of an Ingress or of the Gateway API says in an annotation.
  var routeSemantics: RulePlan.Semantics {
    switch routeOrigin {
    case "ingress": .ingress
    case "gateway": .gateway
    default: .istio
    }
  }
}

extension ProxyNode {
  /// Whether the proxy is a gRPC library without Envoy.
  public var isProxyless: Bool { generator == "grpc" }
}
