// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel

extension Analyzer {
  /// Rules and matches that never count, because one before takes all that they would.
  static func deadMatches(_ input: AnalysisInput) -> [Finding] {
    input.mesh.config.virtualServices.all.flatMap { object in
      let http = object.spec.http
      var rules = DeadRules<Istio.HTTPMatchRequest>(object.key, "spec.http")
      rules.add(
        http.map { rule in
          .init(
            name: rule.name.isEmpty ? nil : quoted(rule.name), matches: rule.match.map(\.unnamed))
        })
      var tcp = DeadRules<Istio.L4MatchAttributes>(object.key, "spec.tcp")
      tcp.add(object.spec.tcp.map { .init(name: nil, matches: $0.match) })
      var tls = DeadRules<Istio.TLSMatchAttributes>(object.key, "spec.tls")
      tls.add(object.spec.tls.map { .init(name: nil, matches: $0.match) })
      return rules.findings + coveredPrefixes(object) + tcp.findings + tls.findings
    }
  }

  /// Matches of a prefix that an earlier match of a shorter one covers.
  private static func coveredPrefixes(_ object: ConfigObject<Istio.VirtualService>) -> [Finding] {
    var seen: [(rule: String, match: String, request: Istio.HTTPMatchRequest, prefix: String)] = []
    var found: [Finding] = []
    for (number, rule) in object.spec.http.enumerated() {
      let name = rule.name.isEmpty ? "#\(number)" : quoted(rule.name)
      for (place, match) in rule.match.enumerated() {
        guard case .prefix(let prefix)? = match.uri, !prefix.isEmpty else { continue }
        let own = match.name.isEmpty ? "#\(place)" : quoted(match.name)
        for earlier in seen where earlier.prefix != prefix && earlier.request.covers(match) {
          found.append(
            Finding(
              .ineffectiveMatch, object.key, field: "spec.http[\(number)].match[\(place)]",
              "VirtualService rule \(name) match \(own) of prefix \(prefix) is not used "
                + "(duplicate/overlapping match in rule \(earlier.match) of prefix "
                + "\(earlier.prefix) on \(earlier.rule))."))
        }
        seen.append((name, own, match, prefix))
      }
    }
    return found
  }
}

/// Looks for rules behind one without matches, and for matches that are given twice.
private struct DeadRules<Match: Hashable> {
  struct Rule {
    var name: String?
    var matches: [Match]
  }

  private(set) var findings: [Finding] = []
  private let object: ObjectKey
  private let field: String

  init(_ object: ObjectKey, _ field: String) {
    self.object = object
    self.field = field
  }

  mutating func add(_ rules: [Rule]) {
    var seen: [Match: String] = [:]
    var isClosed = false
    for (number, rule) in rules.enumerated() {
      let name = rule.name ?? "#\(number)"
      let here = "\(field)[\(number)]"
      guard !rule.matches.isEmpty else {
        if isClosed { unreachable(name, here, "only the last rule can have no matches") }
        isClosed = true
        continue
      }
      if isClosed {
        unreachable(name, here, "route without matches defined before")
        continue
      }
      var repeated = 0
      for (place, match) in rule.matches.enumerated() {
        guard let earlier = seen[match] else {
          seen[match] = name
          continue
        }
        repeated += 1
        findings.append(
          Finding(
            .ineffectiveMatch, object, field: "\(here).match[\(place)]",
            "VirtualService rule \(name) match #\(place) is not used (duplicate/overlapping match in "
              + "rule \(earlier))."))
      }
      if repeated == rule.matches.count {
        unreachable(name, here, "all matches used by prior rules")
      }
    }
  }

  private mutating func unreachable(_ name: String, _ field: String, _ reason: String) {
    findings.append(
      Finding(
        .unreachableRule, object, field: field, "VirtualService rule \(name) not used (\(reason)).")
    )
  }
}

extension Istio.HTTPMatchRequest {
  /// The match without its name, which decides nothing.
  fileprivate var unnamed: Istio.HTTPMatchRequest {
    var match = self
    match.name = ""
    return match
  }

  /// Whether every request that `other` means is one that this means.
  fileprivate func covers(_ other: Istio.HTTPMatchRequest) -> Bool {
    guard case .prefix(let mine)? = uri, case .prefix(let theirs)? = other.uri,
      theirs.hasPrefix(mine)
    else { return false }
    if ignoreUriCase != other.ignoreUriCase, !ignoreUriCase { return false }
    if port != 0, port != other.port { return false }
    if !gateways.isEmpty, !Set(other.gateways).isSubset(of: gateways) || other.gateways.isEmpty {
      return false
    }
    guard sourceLabels.allSatisfy({ other.sourceLabels[$0.key] == $0.value }),
      sourceNamespace.isEmpty || sourceNamespace == other.sourceNamespace
    else { return false }
    let texts = [(method, other.method), (authority, other.authority), (scheme, other.scheme)]
    return texts.allSatisfy { covers($0, $1) }
      && headers.allSatisfy { covers($0.value, other.headers[$0.key]) }
      && queryParams.allSatisfy { covers($0.value, other.queryParams[$0.key]) }
      && withoutHeaders.allSatisfy { other.withoutHeaders[$0.key] == $0.value }
  }

  /// Whether a matcher means every text that another means; none means all.
  private func covers(_ mine: Istio.StringMatch?, _ theirs: Istio.StringMatch?) -> Bool {
    guard let mine else { return true }
    guard let theirs else { return false }
    if mine == theirs { return true }
    guard case .prefix(let beginning) = mine else { return false }
    switch theirs {
    case .exact(let text), .prefix(let text): return text.hasPrefix(beginning)
    case .regex, .unset: return false
    }
  }
}
