// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI

/// From the HTTP filter on.
extension WalkPath {
  mutating func route(by manager: Envoy.HttpConnectionManager) -> WalkOutcome {
    guard let configuration = routes(of: manager) else {
      let name = manager.rds?.routeConfigName ?? ""
      steps[steps.count - 1].details.append("there is no route configuration \(quoted(name))")
      return .noRoute
    }
    let chosen = configuration.virtualHost(for: request.authority)
    var step = WalkStep(kind: .virtualHost, name: chosen?.host.name ?? "none")
    step.resource = configuration.name
    step.passedOver = configuration.virtualHosts.filter { $0.name != chosen?.host.name }
      .map { host in
        PassedOver(
          host.name, configuration.reason(against: host, for: request.authority),
          sources: host.sources)
      }
    guard let (host, domain) = chosen else {
      step.details = ["no virtual host is for \(request.authority)"]
      steps.append(step)
      return .noRoute
    }
    step.details = ["\(request.authority) is found by the domain \(domain)"]
    step.sources = host.sources
    steps.append(step)
    if host.requireTls == .all, !request.scheme.isTLS {
      steps[steps.count - 1].details.append("requests must be encrypted")
      return .redirect(
        status: 301, location: "https://\(withoutPort(request.authority))\(request.path)")
    }
    return route(in: host, of: configuration.name)
  }

  private func routes(of manager: Envoy.HttpConnectionManager) -> Envoy.RouteConfiguration? {
    if let inline = manager.routeConfig { return inline }
    guard let name = manager.rds?.routeConfigName else { return nil }
    return try? configuration.resource(.route, name)?.message(
      Envoy.RouteConfiguration.self, in: arena)
  }

  /// The first route that matches.
  private mutating func route(in host: Envoy.VirtualHost, of resource: String) -> WalkOutcome {
    var passed: [PassedOver] = []
    for (place, route) in host.routes.enumerated() {
      let sources = source(route.metadata)
      let name = route.name.isEmpty ? "route \(place)" : "\(route.name) (route \(place))"
      if let reason = route.match?.mismatch(request) {
        passed.append(PassedOver(name, reason, sources: sources))
        continue
      }
      var step = WalkStep(kind: .route, name: name)
      step.resource = resource
      step.sources = sources
      step.passedOver = passed + shadowed(behind: place, in: host)
      step.details = details(of: route)
      steps.append(step)
      return act(on: route)
    }
    var step = WalkStep(kind: .route, name: "none")
    step.resource = resource
    step.details = ["no route of \(host.name) matches"]
    step.passedOver = passed
    steps.append(step)
    return .noRoute
  }

  /// The routes that match too, and come too late.
  private func shadowed(behind place: Int, in host: Envoy.VirtualHost) -> [PassedOver] {
    host.routes.enumerated().dropFirst(place + 1).map { later, route in
      let name = route.name.isEmpty ? "route \(later)" : "\(route.name) (route \(later))"
      let reason = route.match?.mismatch(request) ?? "matches too, but stands behind route \(place)"
      return PassedOver(name, reason, sources: source(route.metadata))
    }
  }

  private func details(of route: Envoy.Route) -> [String] {
    var details = route.route?.summary ?? []
    if let fault = route.typedPerFilterConfig["envoy.filters.http.fault"]?
      .unpack(Envoy.HTTPFault.self, in: arena)
    {
      details += fault.summary
    }
    for option in route.requestHeadersToAdd {
      guard let header = option.header else { continue }
      details.append("request header \(header.key): \(header.value)")
    }
    for name in route.requestHeadersToRemove { details.append("removes request header \(name)") }
    for option in route.responseHeadersToAdd {
      guard let header = option.header else { continue }
      details.append("response header \(header.key): \(header.value)")
    }
    for name in route.responseHeadersToRemove { details.append("removes response header \(name)") }
    return details
  }

  private mutating func act(on route: Envoy.Route) -> WalkOutcome {
    switch route.action {
    case .route(let action)?:
      if let cluster = action.cluster { return reach([(cluster, 1)]) }
      if let name = action.clusterHeader { return reach([(request.header(name) ?? "", 1)]) }
      return reach((action.weightedClusters?.clusters ?? []).map { ($0.name, $0.weight ?? 0) })
    case .redirect(let redirect)?:
      return .redirect(status: redirect.status, location: redirect.location(of: request))
    case .directResponse(let response)?: return .response(status: response.status)
    default: return .noRoute
    }
  }
}

extension Envoy.VirtualHost {
  /// The objects that its routes name, each once.
  fileprivate var sources: [ObjectKey] {
    var seen: Set<ObjectKey> = []
    return routes.compactMap { $0.metadata?.source }.filter { seen.insert($0).inserted }
  }
}

extension Envoy.RedirectAction {
  fileprivate var status: UInt32 {
    switch responseCode {
    case .found: 302
    case .seeOther: 303
    case .temporaryRedirect: 307
    case .permanentRedirect: 308
    default: 301
    }
  }

  /// Where a request is sent to, whole.
  fileprivate func location(of request: TrafficRequest) -> String {
    var scheme = request.scheme.isTLS ? "https" : "http"
    if httpsRedirect == true { scheme = "https" }
    if let schemeRedirect { scheme = schemeRedirect }
    let isOtherScheme = scheme != (request.scheme.isTLS ? "https" : "http")
    var host = hostRedirect.isEmpty ? request.authority : hostRedirect
    if isOtherScheme, hostRedirect.isEmpty { host = withoutPort(host) }
    if portRedirect != 0 { host = "\(withoutPort(host)):\(portRedirect)" }
    let path: String
    switch pathRewriteSpecifier {
    case .pathRedirect(let new)?: path = new
    case .prefixRewrite(let new)?: path = new + "…"
    case .regexRewrite(let rewrite)?: path = rewrite.substitution
    case nil: path = request.path
    }
    return "\(scheme)://\(host)\(path)"
  }
}
