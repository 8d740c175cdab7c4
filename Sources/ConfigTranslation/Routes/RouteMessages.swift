// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI

extension RoutePlan {
  func message(in arena: Arena) -> Envoy.Route {
    switch self {
    case .rule(let plan): plan.message(in: arena)
    case .service(let plan): plan.message(in: arena)
    case .fallback(let plan): plan.message(in: arena)
    }
  }
}

extension RulePlan {
  func message(in arena: Arena) -> Envoy.Route {
    Envoy.Route(arena) { route in
      route.name = name
      route.match = matchMessage(in: arena)
      var metadata = IstioMetadata()
      metadata.set(config: source)
      route.metadata = metadata.message(in: arena)
      route.statPrefix = match?.statPrefix ?? ""
      if let headers = rule.headers { route.apply(HeaderMutations(headers)) }
      setAction(of: route)
      route.decorator = route.make(Envoy.Decorator.self) { $0.operation = operation(of: route) }
      setFilters(of: route)
      if tellsOfHTTP3 { route.tellOfHTTP3(port: port) }
    }
  }

  private func setAction(of route: Envoy.Route) {
    if let redirect = rule.redirect {
      route.redirect = redirect.message(port: port, isTLS: isTLS, in: route.arena)
    } else if let response = rule.directResponse {
      route.directResponse = response.message(in: route.arena)
    } else {
      setForwarding(of: route)
    }
  }

  private func setFilters(of route: Envoy.Route) {
    let arena = route.arena
    if let fault = rule.fault {
      route.typedPerFilterConfig["envoy.filters.http.fault"] = .pack(fault.message(in: arena))
    }
    if let policy = rule.corsPolicy {
      route.typedPerFilterConfig["envoy.filters.http.cors"] = .pack(
        policy.message(regexes, in: arena))
    }
    if let session {
      route.typedPerFilterConfig[SessionPlan.filter] = session.perRoute(in: arena)
    }
  }

  /// What traces call the route: the destination where there is one, and the path.
  private func operation(of route: Envoy.Route) -> String {
    let path =
      switch route.match?.pathSpecifier {
      case .prefix(let text)?: text + "*"
      case .path(let text)?: text
      case .safeRegex(let regex)?: regex.regex
      default: "/*"
      }
    if let name = route.route?.cluster, name.utf8.count(where: { $0 == UInt8(ascii: "|") }) == 3,
      let cluster = ClusterName(name)
    {
      return "\(cluster.host):\(cluster.port)\(path)"
    }
    return "\(source.name):\(port)\(path)"
  }
}

extension ServiceRoutePlan {
  fileprivate func message(in arena: Arena) -> Envoy.Route {
    Envoy.Route(arena) { route in
      route.name = "default"
      route.match = route.make(Envoy.RouteMatch.self) { $0.prefix = "/" }
      let host = joinHostPort(cluster.host, cluster.port)
      route.decorator = route.make(Envoy.Decorator.self) { $0.operation = "\(host)/*" }
      route.route = route.make(Envoy.RouteAction.self) { action in
        action.cluster = cluster.description
        action.retryPolicy = retryPolicy(retries, keepsHosts: false, in: arena)
        action.setTimeout(nil, timeouts)
        if let policy = hash?.message(in: arena) { action.hashPolicy.append(policy) }
      }
    }
  }
}

extension FallbackPlan {
  fileprivate func message(in arena: Arena) -> Envoy.Route {
    Envoy.Route(arena) { route in
      route.name = name
      route.match = route.make(Envoy.RouteMatch.self) { $0.prefix = "/" }
      switch action {
      case .cluster(let cluster, _):
        route.route = route.make(Envoy.RouteAction.self) { action in
          action.cluster = cluster
          action.setTimeout(nil, timeouts)
          action.appendXForwardedHost = forwardsHost
        }
      case .refuse:
        route.directResponse = route.make(Envoy.DirectResponseAction.self) { $0.status = 502 }
      }
    }
  }
}

/// The highest status that Envoy answers by itself: it refuses routes with a higher one.
let highestStatus: UInt32 = 599

extension Istio.HTTPDirectResponse {
  fileprivate func message(in arena: Arena) -> Envoy.DirectResponseAction {
    Envoy.DirectResponseAction(arena) { response in
      response.status = min(status, highestStatus)
      switch body {
      case .string(let text)?:
        response.body = response.make(Envoy.DataSource.self) { $0.inlineString = text }
      case .bytes(let bytes)?:
        response.body = response.make(Envoy.DataSource.self) { $0.inlineBytes = bytes.bytes }
      case .unset?, nil: break
      }
    }
  }
}

extension Istio.HTTPRedirect {
  /// The redirect.
  fileprivate func message(port: UInt32, isTLS: Bool, in arena: Arena) -> Envoy.RedirectAction {
    Envoy.RedirectAction(arena) { redirect in
      redirect.hostRedirect = authority
      if prefixRewrite.isEmpty {
        redirect.pathRedirect = uri
      } else {
        redirect.prefixRewrite = prefixRewrite
      }
      if !scheme.isEmpty { redirect.schemeRedirect = scheme }
      redirect.portRedirect = portRedirect(port: port, isTLS: isTLS)
      redirect.responseCode = responseCode
    }
  }

  /// The code, and 302 for those that Envoy has not: without any it would refuse all routes.
  private var responseCode: Envoy.RedirectAction.RedirectResponseCode {
    switch redirectCode {
    case 0, 301: .movedPermanently
    case 302: .found
    case 303: .seeOther
    case 307: .temporaryRedirect
    case 308: .permanentRedirect
    default: .found
    }
  }

  /// The port to redirect to; 0 where the scheme says it.
  private func portRedirect(port: UInt32, isTLS: Bool) -> UInt32 {
    let chosen: UInt32
    switch redirectPort {
    case .port(let number)?: chosen = number
    case .derivePort(.fromRequestPort)?: chosen = port
    case .derivePort?, nil: chosen = 0
    }
    let scheme = !scheme.isEmpty ? scheme : isTLS ? "https" : "http"
    let standard: UInt32? = scheme == "http" ? 80 : scheme == "https" ? 443 : nil
    return chosen == standard ? 0 : chosen
  }
}
