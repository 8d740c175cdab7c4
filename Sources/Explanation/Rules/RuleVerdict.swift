// SPDX-License-Identifier: Apache-2.0

public import ConfigTranslation
public import Configuration
import MeshModel
import ServiceDiscovery

/// What a rule for a request's host has to do with the request.
public struct RuleVerdict: Hashable, Sendable {
  /// The object.
  public var object: ObjectKey
  /// Whether it made a part of the configuration that the request went through.
  public var applies: Bool
  /// How it applies, or why it does not: one sentence, without a stop.
  public var reason: String
}

/// A request's way with the rules for its host, applied or passed over.
public struct ExplainedRequest: Hashable, Sendable {
  /// The request, with the address that its host was found to have.
  public var request: TrafficRequest
  /// The way.
  public var result: WalkResult
  /// The VirtualServices and DestinationRules that name the host, those that apply first.
  public var rules: [RuleVerdict]

  /// What becomes of a request at a proxy.
  public init(_ request: TrafficRequest, at context: ProxyContext) {
    let located = context.located(request)
    self.request = located
    result = RequestWalk(context).walk(located)
    let all =
      VirtualServiceVerdicts(context, located, result).verdicts
      + DestinationRuleVerdicts(context, result).verdicts
    rules = all.filter(\.applies) + all.filter { !$0.applies }
  }
}

/// The VirtualServices for the request's host.
struct VirtualServiceVerdicts {
  private let context: ProxyContext
  private let request: TrafficRequest
  private let result: WalkResult
  /// The names that the host has in objects.
  private let hosts: [Hostname]

  init(_ context: ProxyContext, _ request: TrafficRequest, _ result: WalkResult) {
    self.context = context
    self.request = request
    self.result = result
    var hosts = [Hostname(valid: withoutPort(request.authority).lowercased())]
    if let service = context.service(named: request.host) { hosts.append(service.hostname) }
    self.hosts = hosts
  }

  private var isRouter: Bool { context.node.kind == .router }

  var verdicts: [RuleVerdict] {
    guard request.direction == .outbound else { return [] }
    let taken = Set(result.steps.filter { $0.kind == .route }.flatMap(\.sources))
    let present = Set(result.steps.flatMap(\.sources))
    return context.mesh.virtualServices.all.filter(means).map { rule in
      let key = rule.object.key
      if taken.contains(key) {
        return RuleVerdict(object: key, applies: true, reason: "one of its routes is taken")
      }
      if present.contains(key) {
        return RuleVerdict(
          object: key, applies: true, reason: "stands on the way, but none of its routes is taken")
      }
      return RuleVerdict(object: key, applies: false, reason: reasonAgainst(rule))
    }
  }

  private func means(_ rule: ResolvedVirtualService) -> Bool {
    rule.spec.hosts.contains { text in
      let host = Hostname(valid: text.lowercased())
      return hosts.contains { $0.isSubset(of: host) || $0 == host }
    }
  }

  private func reasonAgainst(_ rule: ResolvedVirtualService) -> String {
    let namespace = context.node.namespace
    if !rule.isVisible(in: namespace) {
      let list = rule.exportTo.sorted().joined(separator: ", ")
      return "exportTo: it is for \(list), and the proxy is in \(namespace)"
    }
    return reasonByGateways(rule) ?? reasonByScope(rule) ?? reasonByRoutes(rule)
      ?? reasonByOthers(rule)
  }

  // MARK: Gateways

  /// The names by which rules are bound to the proxy.
  private var boundNames: Set<String> {
    isRouter ? Set(context.gatewayNames) : [VirtualServiceIndex.mesh]
  }

  private func reasonByGateways(_ rule: ResolvedVirtualService) -> String? {
    let written = rule.spec.gateways.isEmpty ? [VirtualServiceIndex.mesh] : rule.spec.gateways
    let list = written.joined(separator: ", ")
    guard boundNames.isDisjoint(with: written) else { return nil }
    guard isRouter else {
      return "gateways: it is bound to \(list), not to mesh, so it is not for sidecars"
    }
    let unknown = written.filter { name in
      name != VirtualServiceIndex.mesh
        && !context.mesh.config.gateways.all.contains {
          "\($0.meta.namespace)/\($0.meta.name)" == name
        }
    }
    if unknown.count == written.count {
      return "gateways: there is no Gateway \(unknown.joined(separator: ", "))"
    }
    let known = boundNames.sorted().joined(separator: ", ")
    return
      "gateways: it is bound to \(list), and the proxy serves \(known.isEmpty ? "none" : known)"
  }

  /// A host that no server has, or that the Sidecar does not import.
  private func reasonByScope(_ rule: ResolvedVirtualService) -> String? {
    if isRouter {
      let servers = context.mesh.config.gateways.all.filter {
        rule.spec.gateways.contains("\($0.meta.namespace)/\($0.meta.name)")
      }.flatMap(\.spec.servers)
      let isServed = servers.contains { server in
        server.port?.number == request.port
          && server.hosts.contains { text in
            let host = Hostname(valid: String(text.split(separator: "/").last ?? ""))
            return rule.spec.hosts.contains { Hostname(valid: $0).matches(host) }
          }
      }
      return isServed
        ? nil
        : "hosts: no server of its Gateways is for \(rule.spec.hosts.joined(separator: ", ")) "
          + "on port \(request.port)"
    }
    let isImported = context.outbound.egress.contains { scope in
      scope.virtualServices.contains { $0.object.key == rule.object.key }
    }
    guard !isImported, let sidecar = context.outbound.sidecar else { return nil }
    return "the Sidecar \(sidecar.meta.namespace)/\(sidecar.meta.name) does not import its hosts"
  }

  // MARK: Routes

  private func reasonByRoutes(_ rule: ResolvedVirtualService) -> String? {
    switch request.scheme {
    case .http where rule.spec.http.isEmpty: return "http: it has no http routes"
    case .tcp where rule.spec.tcp.isEmpty: return "tcp: it has no tcp routes"
    case .tls where rule.spec.tls.isEmpty: return "tls: it has no tls routes"
    case .https where !isRouter && rule.spec.tls.isEmpty:
      return "tls: it has no tls routes, and the proxy does not open TLS"
    default: break
    }
    guard request.scheme == .http || isRouter, !rule.spec.http.isEmpty else { return nil }
    var reasons: [String] = []
    for (place, route) in rule.spec.http.enumerated() {
      if route.match.isEmpty { return nil }
      for (number, match) in route.match.enumerated() {
        guard let reason = reasonAgainst(match) else { return nil }
        reasons.append("http[\(place)].match[\(number)].\(reason)")
      }
    }
    return reasons.isEmpty ? nil : reasons.joined(separator: "; ")
  }

  /// Why a match is not for this proxy or port at all.
  private func reasonAgainst(_ match: Istio.HTTPMatchRequest) -> String? {
    if match.port != 0, match.port != request.port {
      return "port: it is for port \(match.port)"
    }
    if !match.gateways.isEmpty {
      return boundNames.isDisjoint(with: match.gateways)
        ? "gateways: it is for \(match.gateways.joined(separator: ", "))" : nil
    }
    if !match.sourceLabels.isSubset(of: context.node.labels) {
      let labels = match.sourceLabels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      return "sourceLabels: it is for clients with \(labels.joined(separator: ", "))"
    }
    if !match.sourceNamespace.isEmpty, match.sourceNamespace != context.node.namespace {
      return "sourceNamespace: it is for clients in \(match.sourceNamespace)"
    }
    return nil
  }

  /// A rule before this one that has its host.
  private func reasonByOthers(_ rule: ResolvedVirtualService) -> String {
    let present = Set(result.steps.flatMap(\.sources))
    let winner = context.mesh.virtualServices.all.first { other in
      present.contains(other.object.key) && other.object.key != rule.object.key && means(other)
    }
    guard let winner else { return "it made no part of what the request meets" }
    let name = "\(winner.meta.namespace)/\(winner.meta.name)"
    let shared = rule.spec.hosts.filter(winner.spec.hosts.contains)
    guard let host = shared.first else {
      return "hosts: VirtualService \(name) is for the host more closely"
    }
    return "hosts: \(host) is taken by VirtualService \(name), which comes first"
  }
}
