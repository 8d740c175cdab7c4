// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Checks a PeerAuthentication.
  mutating func check(_ object: ConfigObject<Istio.PeerAuthentication>, _ path: FieldPath) {
    let policy = object.spec
    check(policy.selector, path["selector"])
    require(
      policy.portLevelMtls.isEmpty || policy.selector?.matchLabels.isEmpty == false,
      path["portLevelMtls"], "goes with a selector only")
    for number in policy.portLevelMtls.keys.sorted() {
      port(number, path["portLevelMtls"][String(number)])
    }
  }

  /// Checks a RequestAuthentication.
  mutating func check(_ object: ConfigObject<Istio.RequestAuthentication>, _ path: FieldPath) {
    let policy = object.spec
    target(
      selector: policy.selector, reference: policy.targetRef, references: policy.targetRefs, path)
    for (index, rule) in policy.jwtRules.enumerated() { check(rule, path["jwtRules"][index]) }
  }

  private mutating func check(_ rule: Istio.JWTRule, _ path: FieldPath) {
    require(
      !rule.issuer.isEmpty || !rule.jwksUri.isEmpty, path["issuer"],
      "issuer or jwksUri must be given")
    if !rule.jwksUri.isEmpty {
      require(
        Names.scheme(ofURL: rule.jwksUri).map { ["http", "https"].contains($0) } ?? false,
        path["jwksUri"], "must be a URL of http or https")
    }
    if !rule.jwks.isEmpty { keys(rule.jwks, path["jwks"]) }
    for (field, values) in [
      ("audiences", rule.audiences), ("fromHeaders", rule.fromHeaders.map(\.name)),
      ("fromParams", rule.fromParams), ("fromCookies", rule.fromCookies),
    ] {
      for (index, value) in values.enumerated() {
        require(!value.isEmpty, path[field][index], "must not be empty")
      }
    }
    for (index, copy) in rule.outputClaimToHeaders.enumerated() {
      let here = path["outputClaimToHeaders"][index]
      require(!copy.claim.isEmpty, here["claim"], "must be given")
      require(
        Names.isStrictHeader(copy.header), here["header"],
        "\"\(copy.header)\" is not a name of a header")
    }
    duration(rule.timeout, path["timeout"])
  }

  /// Keys of tokens: a set of them, or a key, as RFC 7517 writes them.
  private mutating func keys(_ text: String, _ path: FieldPath) {
    guard let value = try? JSONValue(parsing: Array(text.utf8)), case .object = value else {
      return error(path, "is not JSON of a set of keys")
    }
    guard let list = value["keys"] else { return key(value, 0, path) }
    guard case .array(let keys) = list else { return error(path, "keys must be a list") }
    for (index, value) in keys.enumerated() { key(value, index, path) }
  }

  private mutating func key(_ value: JSONValue, _ index: Int, _ path: FieldPath) {
    let needed: [String: [String]] = [
      "RSA": ["n", "e"], "EC": ["crv", "x", "y"], "OKP": ["crv", "x"], "oct": ["k"],
    ]
    let kind = value["kty"]?.string ?? ""
    guard let members = needed[kind] else {
      return error(path, "key \(index): kty must be RSA, EC, OKP or oct")
    }
    for member in members {
      require(
        value[member]?.string.map { Base64.decode($0) != nil || member == "crv" } ?? false, path,
        "key \(index): \(member) must be given for \(kind)")
    }
    warn(
      kind == "oct" || value["d"] != nil, path,
      "key \(index) is private: only public keys are used, and every proxy is told this one")
  }
}
