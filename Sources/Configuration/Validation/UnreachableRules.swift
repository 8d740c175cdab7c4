// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Warns of routes and matches that routes before them leave nothing for.
  mutating func unreachable(_ service: Istio.VirtualService, _ path: FieldPath) {
    let http = service.http.map { route in
      route.match.map { match in
        var match = match
        match.name = ""
        return match
      }
    }
    repeated(http, path["http"])
    repeated(service.tcp.map(\.match), path["tcp"])
    repeated(service.tls.map(\.match), path["tls"])
    covered(service.http, path["http"])
  }

  /// Warns of matches that an earlier route has, and of routes after one that matches all.
  private mutating func repeated<Match: Hashable>(_ routes: [[Match]], _ path: FieldPath) {
    var first: [Match: Int] = [:]
    var catchAll: Int?
    for (index, matches) in routes.enumerated() {
      let here = path[index]
      if matches.isEmpty {
        warn(catchAll != nil, here, "is never used: only the last route can be without match")
        catchAll = index
        continue
      }
      if let catchAll {
        warn(true, here, "is never used: route \(catchAll) before it matches everything")
        continue
      }
      var duplicates = 0
      for (number, match) in matches.enumerated() {
        if let earlier = first[match] {
          duplicates += 1
          warn(true, here["match"][number], "has no effect: route \(earlier) has it already")
        } else {
          first[match] = index
        }
      }
      warn(duplicates == matches.count, here, "is never used: earlier routes have all its matches")
    }
  }

  /// A match by a prefix of the path, with all else that it asks for.
  private struct PrefixMatch {
    var path: FieldPath
    var route: Int
    var prefix: String
    var port: UInt32
    var method: String
    var authority: String
    var headers: [String: String]
    var parameters: [String: String]
    var withoutHeaders: [String: String]

    init?(_ match: Istio.HTTPMatchRequest, route: Int, _ path: FieldPath) {
      guard case .prefix(let prefix)? = match.uri, !prefix.isEmpty else { return nil }
      self.path = path
      self.route = route
      self.prefix = prefix
      port = match.port
      // istiod compares a method that is not asked for as if it were GET.
      let method = Self.text(match.method)
      self.method = method.isEmpty ? Self.text(.exact("GET")) : method
      authority = Self.text(match.authority)
      headers = match.headers.mapValues(Self.text)
      parameters = match.queryParams.mapValues(Self.text)
      withoutHeaders = match.withoutHeaders.mapValues(Self.text)
    }

    private static func text(_ match: Istio.StringMatch?) -> String {
      switch match {
      case .exact(let text)? where !text.isEmpty: "exact:" + text
      case .prefix(let text)? where !text.isEmpty: "prefix:" + text
      default: ""
      }
    }

    /// Whether all that `other` matches is matched here.
    func covers(_ other: PrefixMatch) -> Bool {
      func agree(_ left: [String: String], _ right: [String: String]) -> Bool {
        left.count == right.count
          && left.allSatisfy { key, value in right[key].map { value.hasPrefix($0) } ?? false }
      }
      return prefix != other.prefix && other.prefix.hasPrefix(prefix) && port == other.port
        && method.hasPrefix(other.method) && authority.hasPrefix(other.authority)
        && agree(headers, other.headers) && agree(parameters, other.parameters)
        && agree(withoutHeaders, other.withoutHeaders)
    }
  }

  /// Warns of prefixes that a shorter prefix of an earlier match takes.
  private mutating func covered(_ routes: [Istio.HTTPRoute], _ path: FieldPath) {
    var matches: [PrefixMatch] = []
    var seen: Set<Istio.HTTPMatchRequest> = []
    var hasCatchAll = false
    for (index, route) in routes.enumerated() {
      hasCatchAll = hasCatchAll || route.match.isEmpty
      for (number, match) in route.match.enumerated() where !hasCatchAll {
        var nameless = match
        nameless.name = ""
        guard seen.insert(nameless).inserted else { continue }
        let here = path[index]["match"][number]
        if let match = PrefixMatch(match, route: index, here) { matches.append(match) }
      }
    }
    for (index, match) in matches.enumerated() {
      let other = matches[..<index].first { $0.covers(match) }
      if let other {
        warn(
          true, match.path["uri"]["prefix"],
          "has no effect: route \(other.route) takes the prefix \(other.prefix) before")
      }
    }
  }
}
