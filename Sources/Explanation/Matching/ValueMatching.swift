// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import JSON
import RegularExpression

/// Why something does not match, as a sentence; nil where it does.
typealias Mismatch = String

extension Envoy.StringMatcher {
  /// Whether a text meets the matcher.
  func matches(_ text: String) -> Bool {
    let fold = { (text: String) in ignoreCase ? text.lowercased() : text }
    let text = fold(text)
    return switch matchPattern {
    case .exact(let wanted)?: text == fold(wanted)
    case .prefix(let wanted)?: text.hasPrefix(fold(wanted))
    case .suffix(let wanted)?: text.hasSuffix(fold(wanted))
    case .contains(let wanted)?: wanted.isEmpty || text.contains(fold(wanted))
    case .safeRegex(let regex)?: regex.matches(text)
    default: false
    }
  }

  /// What is asked for, such as `exactly jason`.
  var wish: String {
    switch matchPattern {
    case .exact(let text)?: "exactly \(quoted(text))"
    case .prefix(let text)?: "beginning with \(quoted(text))"
    case .suffix(let text)?: "ending with \(quoted(text))"
    case .contains(let text)?: "containing \(quoted(text))"
    case .safeRegex(let regex)?: "matching \(quoted(regex.regex))"
    default: "that nothing can be"
    }
  }
}

extension Envoy.RegexMatcher {
  /// Whether a whole text matches; a pattern that is no good matches nothing.
  func matches(_ text: String) -> Bool {
    (try? RegularExpression(regex))?.matchesWhole(text) ?? false
  }
}

extension Envoy.HeaderMatcher {
  /// Why a request does not have the header that is asked for.
  func mismatch(_ request: TrafficRequest) -> Mismatch? {
    let found = request.header(name)
    guard matches(found) == false else { return nil }
    let has = found.map { "it is \(quoted($0))" } ?? "the request has none"
    return "header \(name) must \(invertMatch ? "not be" : "be") \(wish); \(has)"
  }

  private func matches(_ value: String?) -> Bool {
    if case .presentMatch(let wanted)? = headerMatchSpecifier {
      return ((value != nil || treatMissingHeaderAsEmpty) == wanted) != invertMatch
    }
    guard let text = value ?? (treatMissingHeaderAsEmpty ? "" : nil) else { return invertMatch }
    let isMatch =
      switch headerMatchSpecifier {
      case .stringMatch(let matcher)?: matcher.matches(text)
      case .exactMatch(let wanted)?: text == wanted
      case .prefixMatch(let wanted)?: text.hasPrefix(wanted)
      case .suffixMatch(let wanted)?: text.hasSuffix(wanted)
      case .containsMatch(let wanted)?: text.contains(wanted)
      case .safeRegexMatch(let regex)?: regex.matches(text)
      case .rangeMatch(let range)?: Int64(text).map { range.start <= $0 && $0 < range.end } ?? false
      default: true
      }
    return isMatch != invertMatch
  }

  private var wish: String {
    switch headerMatchSpecifier {
    case .stringMatch(let matcher)?: matcher.wish
    case .exactMatch(let text)?: "exactly \(quoted(text))"
    case .prefixMatch(let text)?: "beginning with \(quoted(text))"
    case .suffixMatch(let text)?: "ending with \(quoted(text))"
    case .containsMatch(let text)?: "containing \(quoted(text))"
    case .safeRegexMatch(let regex)?: "matching \(quoted(regex.regex))"
    case .rangeMatch(let range)?: "from \(range.start) to below \(range.end)"
    case .presentMatch(false)?: "absent"
    default: "there"
    }
  }
}

extension Envoy.QueryParameterMatcher {
  /// Why a request does not have the parameter that is asked for.
  func mismatch(_ request: TrafficRequest) -> Mismatch? {
    let found = request.query[name]
    let has = found.map { "it is \(quoted($0))" } ?? "the request has none"
    switch queryParameterMatchSpecifier {
    case .stringMatch(let matcher)?:
      if let found, matcher.matches(found) { return nil }
      return "query parameter \(name) must be \(matcher.wish); \(has)"
    case .presentMatch(let wanted)?:
      return (found != nil) == wanted
        ? nil : "query parameter \(name) must be \(wanted ? "there" : "absent"); \(has)"
    case nil: return found == nil ? "query parameter \(name) must be there; \(has)" : nil
    }
  }
}

extension Envoy.MetadataMatcher {
  /// The names that lead to a claim of a token: what Envoy's JWT filter leaves stands below
  /// `payload`.
  private var claimPath: [String]? {
    let names = path.compactMap(\.key)
    return filter == "envoy.filters.http.jwt_authn" && names.first == "payload"
      ? Array(names.dropFirst()) : nil
  }

  /// Why a request does not have the metadata that is asked for.
  func mismatch(_ request: TrafficRequest) -> Mismatch? {
    guard let names = claimPath else {
      return invert ? nil : "asks for metadata of \(filter), which is not known here"
    }
    var found = request.claims
    for name in names { found = found?[name] }
    let isMatch = found.map { value?.matches($0) ?? true } ?? false
    guard isMatch == invert else { return nil }
    let claim = names.joined(separator: ".")
    let has = found == nil ? "the request's token has none" : "the token's is another"
    return invert
      ? "claim \(claim) must not be what the request's token has"
      : "claim \(claim) must be \(value?.wish ?? "there"); \(has)"
  }
}

extension Envoy.ValueMatcher {
  fileprivate func matches(_ value: JSONValue) -> Bool {
    switch matchPattern {
    case .stringMatch(let matcher)?: value.string.map(matcher.matches) ?? false
    case .boolMatch(let wanted)?: value.bool == wanted
    case .presentMatch(let wanted)?: wanted
    case .listMatch(let list)?:
      value.array?.contains { list.oneOf?.matches($0) ?? false } ?? false
    case .orMatch(let any)?: any.valueMatchers.contains { $0.matches(value) }
    default: false
    }
  }

  fileprivate var wish: String {
    switch matchPattern {
    case .stringMatch(let matcher)?: matcher.wish
    case .listMatch(let list)?: "a list with one \(list.oneOf?.wish ?? "there")"
    case .orMatch(let any)?: any.valueMatchers.map(\.wish).last ?? "there"
    default: "there"
    }
  }
}

/// A text in quotation marks.
func quoted(_ text: String) -> String { "\"\(text)\"" }
