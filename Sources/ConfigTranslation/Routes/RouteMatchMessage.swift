// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI

extension RulePlan {
  /// What requests the route is for.
  func matchMessage(in arena: Arena) -> Envoy.RouteMatch {
    Envoy.RouteMatch(arena) { message in
      message.prefix = "/"
      guard let match else { return }
      setPath(of: message, match.uri)
      message.caseSensitive = !match.ignoreUriCase
      setHeaders(of: message, match)
      for (name, value) in match.queryParams.sorted(by: { $0.key < $1.key }) {
        message.queryParameters.append(
          message.make(Envoy.QueryParameterMatcher.self) { parameter in
            parameter.name = name
            if value.meansPresent {
              parameter.presentMatch = true
            } else {
              parameter.stringMatch = value.message(regexes, in: arena)
            }
          })
      }
    }
  }

  private func setPath(of message: Envoy.RouteMatch, _ uri: Istio.StringMatch?) {
    switch uri {
    case .exact(let path)?: message.path = path
    case .regex(let regex)?:
      message.safeRegex = regexes.matcher(regex, in: message.arena)
    case .prefix(let prefix)? where semantics == .istio || prefix == "/": message.prefix = prefix
    case .prefix(let prefix)?:
      message.pathSeparatedPrefix = prefix.hasSuffix("/") ? String(prefix.dropLast()) : prefix
    case .unset?, nil: break
    }
  }

  private func setHeaders(of message: Envoy.RouteMatch, _ match: Istio.HTTPMatchRequest) {
    let arena = message.arena
    var headers: [(name: String, message: Envoy.HeaderMatcher)] = []
    for (name, value) in match.headers.sorted(by: { $0.key < $1.key }) {
      if let claim = RequestClaim(header: name) {
        message.dynamicMetadata.append(claim.message(value, regexes, in: arena))
      } else {
        headers.append((name, value.header(name, regexes, in: arena)))
      }
    }
    for (name, value) in match.withoutHeaders.sorted(by: { $0.key < $1.key }) {
      if let claim = RequestClaim(header: name) {
        let matcher = claim.message(value, regexes, in: arena)
        matcher.invert = true
        message.dynamicMetadata.append(matcher)
      } else {
        let header = value.header(name, regexes, in: arena)
        header.invertMatch = true
        if !value.meansPresent { header.treatMissingHeaderAsEmpty = true }
        headers.append((name, header))
      }
    }
    // Swift's sort is stable: of one name the wanted value stands before the unwanted.
    headers.sort { $0.name < $1.name }
    message.headers.append(contentsOf: headers.map(\.message))
    let pseudo = [
      (":method", match.method), (":authority", match.authority), (":scheme", match.scheme),
    ]
    for (name, value) in pseudo {
      if let value { message.headers.append(value.header(name, regexes, in: arena)) }
    }
  }
}

extension Istio.StringMatch {
  /// Whether any value will do: `*` is no regular expression, and stands for that.
  var meansPresent: Bool {
    switch self {
    case .unset: true
    case .regex(let text): text == "*"
    case .exact, .prefix: false
    }
  }

  /// The matcher of texts; nil where nothing is asked.
  func message(_ regexes: RegexLimit, in arena: Arena) -> Envoy.StringMatcher? {
    if case .unset = self { return nil }
    return Envoy.StringMatcher(arena) { matcher in
      switch self {
      case .exact(let text): matcher.exact = text
      case .prefix(let text): matcher.prefix = text
      case .regex(let text):
        matcher.safeRegex = regexes.matcher(text, in: arena)
      case .unset: break
      }
    }
  }

  fileprivate func header(
    _ name: String, _ regexes: RegexLimit, in arena: Arena
  ) -> Envoy.HeaderMatcher {
    Envoy.HeaderMatcher(arena) { header in
      header.name = name
      if meansPresent {
        header.presentMatch = true
      } else {
        header.stringMatch = message(regexes, in: arena)
      }
    }
  }
}

/// A claim of the request's token that a header match asks for: `@request.auth.claims.NAME…`, or
/// with each name in brackets.
struct RequestClaim {
  private static let prefix = "@request.auth.claims"

  /// The names that lead to the claim.
  let path: [String]

  /// The claim of a header's name; nil for other headers.
  init?(header name: String) {
    guard name.lowercased().hasPrefix(Self.prefix) else { return nil }
    let rest = name.dropFirst(Self.prefix.count)
    if rest.hasPrefix("."), rest.count > 1 {
      path = rest.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
        .map(String.init)
    } else if rest.hasPrefix("["), rest.hasSuffix("]"), rest.count > 2 {
      path = rest.dropFirst().dropLast().components(separatedBy: "][")
    } else {
      return nil
    }
  }

  /// The matcher of the metadata that the JWT filter leaves: the claim itself, or one of its list.
  func message(
    _ value: Istio.StringMatch, _ regexes: RegexLimit, in arena: Arena
  ) -> Envoy.MetadataMatcher {
    Envoy.MetadataMatcher(arena) { matcher in
      matcher.filter = "envoy.filters.http.jwt_authn"
      for name in ["payload"] + path {
        matcher.path.append(
          matcher.make(Envoy.MetadataMatcher.PathSegment.self) { $0.key = name })
      }
      guard !value.meansPresent else {
        matcher.value = matcher.make(Envoy.ValueMatcher.self) { $0.presentMatch = true }
        return
      }
      let text = { () -> Envoy.ValueMatcher in
        matcher.make(Envoy.ValueMatcher.self) {
          $0.stringMatch = value.message(regexes, in: arena) ?? Envoy.StringMatcher(arena)
        }
      }
      let list = matcher.make(Envoy.ValueMatcher.self) {
        $0.listMatch = $0.make(Envoy.ListMatcher.self) { $0.oneOf = text() }
      }
      matcher.value = matcher.make(Envoy.ValueMatcher.self) {
        $0.orMatch = $0.make(Envoy.OrMatcher.self) { $0.valueMatchers = [list, text()] }
      }
    }
  }
}

extension Substring {
  /// The parts between a separator of several characters.
  fileprivate func components(separatedBy separator: String) -> [String] {
    var parts: [String] = []
    var rest = self
    while let place = rest.firstRange(of: separator) {
      parts.append(String(rest[..<place.lowerBound]))
      rest = rest[place.upperBound...]
    }
    return parts + [String(rest)]
  }
}
