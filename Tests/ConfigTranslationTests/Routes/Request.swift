// SPDX-License-Identifier: Apache-2.0

import Bytes
import EnvoyAPI
import RegularExpression

/// A request, to be asked where it goes.
struct Request {
  var host: String
  var path = "/"
  var headers: [String: String] = [:]
}

extension EncodedResource {
  /// Where a route configuration sends a request, by Envoy's rules: a cluster, `90 a, 10 b`,
  /// `redirect HOST`, `respond STATUS`, `TLS`, or `404`.
  func answer(_ request: Request) -> String {
    packed.withUnsafeBytes { bytes in
      Arena.scope { arena in
        guard let message = try? Envoy.RouteConfiguration(unpacking: bytes, in: arena),
          let host = message.virtualHost(for: request.host)
        else { return "404" }
        if host.requireTls == .all { return "TLS" }
        return host.routes.first { $0.match?.matches(request) == true }?.target ?? "404"
      }
    }
  }
}

extension Envoy.RouteConfiguration {
  /// The exact domain, else the longest pattern that covers the host, else `*`.
  fileprivate func virtualHost(for host: String) -> Envoy.VirtualHost? {
    let exact = virtualHosts.first { $0.domains.contains(host) }
    let covering = virtualHosts.flatMap { candidate in
      candidate.domains.filter { $0.hasPrefix("*") && host.hasSuffix($0.dropFirst()) }
        .map { ($0.utf8.count, candidate) }
    }
    return exact ?? covering.max { $0.0 < $1.0 }?.1
  }
}

extension Envoy.RouteMatch {
  fileprivate func matches(_ request: Request) -> Bool {
    let path = caseSensitive == false ? request.path.lowercased() : request.path
    let fold = { (text: String) in caseSensitive == false ? text.lowercased() : text }
    let isPath =
      switch pathSpecifier {
      case .prefix(let prefix)?: path.hasPrefix(fold(prefix))
      case .path(let exact)?: path == fold(exact)
      case .safeRegex(let regex)?:
        (try? RegularExpression(regex.regex))?.matchesWhole(request.path) ?? false
      default: false
      }
    return isPath && headers.allSatisfy { $0.matches(request.headers[$0.name]) }
  }
}

extension Envoy.HeaderMatcher {
  fileprivate func matches(_ value: String?) -> Bool {
    guard let text = value ?? (treatMissingHeaderAsEmpty ? "" : nil) else { return invertMatch }
    if presentMatch == true { return !invertMatch }
    let isMatch =
      switch stringMatch?.matchPattern {
      case .exact(let wanted)?: text == wanted
      case .prefix(let wanted)?: text.hasPrefix(wanted)
      case .safeRegex(let regex)?:
        (try? RegularExpression(regex.regex))?.matchesWhole(text) ?? false
      default: false
      }
    return isMatch != invertMatch
  }
}

extension Envoy.Route {
  fileprivate var target: String {
    switch action {
    case .route(let action)?:
      if let cluster = action.cluster { return cluster }
      let weighted = action.weightedClusters?.clusters ?? []
      return weighted.map { "\($0.weight ?? 0) \($0.name)" }.joined(separator: ", ")
    case .redirect(let redirect)?: return "redirect \(redirect.hostRedirect)"
    case .directResponse(let response)?: return "respond \(response.status)"
    default: return "?"
    }
  }
}
