// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Checks an AuthorizationPolicy.
  mutating func check(_ object: ConfigObject<Istio.AuthorizationPolicy>, _ path: FieldPath) {
    let policy = object.spec
    target(
      selector: policy.selector, reference: policy.targetRef, references: policy.targetRefs, path)
    var provider: String?
    if case .provider(let named)? = policy.actionDetail { provider = named.name }
    if policy.action == .custom {
      require(
        !policy.rules.isEmpty, path["rules"], "CUSTOM without rules is never used: write {}")
      require(
        policy.rules.isEmpty || provider?.isEmpty == false, path["provider"]["name"],
        "must be given")
    } else {
      require(provider == nil, path["provider"], "goes with the action CUSTOM only")
    }
    require(
      policy.action != .deny || !policy.rules.isEmpty, path["rules"],
      "DENY without rules is never used: write {}")
    for (index, rule) in policy.rules.enumerated() {
      let here = path["rules"][index]
      if policy.action == .custom { custom(rule, here) }
      for (index, from) in rule.from.enumerated() {
        source(from.source, here["from"][index]["source"])
      }
      for (index, to) in rule.to.enumerated() {
        operation(to.operation, here["to"][index]["operation"])
      }
      for (index, condition) in rule.when.enumerated() {
        check(condition, here["when"][index])
      }
      warn(
        policy.action == .deny && Self.deniesAllTCP(rule), here,
        "denies every connection to TCP ports, of which it knows no attribute: name a port")
    }
  }

  /// What an external authoriser is not told.
  private mutating func custom(_ rule: Istio.Rule, _ path: FieldPath) {
    for (index, from) in rule.from.enumerated() {
      guard let source = from.source else { continue }
      for (field, values) in [
        ("namespaces", source.namespaces), ("notNamespaces", source.notNamespaces),
        ("serviceAccounts", source.serviceAccounts),
        ("notServiceAccounts", source.notServiceAccounts), ("trustDomains", source.trustDomains),
        ("notTrustDomains", source.notTrustDomains), ("principals", source.principals),
        ("notPrincipals", source.notPrincipals), ("requestPrincipals", source.requestPrincipals),
        ("notRequestPrincipals", source.notRequestPrincipals),
      ] {
        require(
          values.isEmpty, path["from"][index]["source"][field], "does not go with CUSTOM")
      }
    }
    let keys: Set = [
      "source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal",
    ]
    for (index, condition) in rule.when.enumerated() {
      require(
        !keys.contains(condition.key) && !condition.key.hasPrefix("request.auth."),
        path["when"][index]["key"], "\"\(condition.key)\" does not go with CUSTOM")
    }
  }

  private mutating func source(_ source: Istio.Source?, _ path: FieldPath) {
    guard let source else { return error(path, "must be given") }
    require(source != Istio.Source(), path, "must have a field")
    require(
      source.serviceAccounts.isEmpty && source.notServiceAccounts.isEmpty
        || source.principals.isEmpty && source.notPrincipals.isEmpty
          && source.namespaces.isEmpty && source.notNamespaces.isEmpty,
      path["serviceAccounts"], "does not go with namespaces or principals")
    for (field, values) in [
      ("ipBlocks", source.ipBlocks), ("notIpBlocks", source.notIpBlocks),
      ("remoteIpBlocks", source.remoteIpBlocks), ("notRemoteIpBlocks", source.notRemoteIpBlocks),
    ] {
      blocks(values, path[field])
    }
    for (field, values) in [
      ("principals", source.principals), ("notPrincipals", source.notPrincipals),
      ("requestPrincipals", source.requestPrincipals),
      ("notRequestPrincipals", source.notRequestPrincipals), ("namespaces", source.namespaces),
      ("notNamespaces", source.notNamespaces),
    ] {
      given(values, path[field])
    }
    serviceAccounts(source.serviceAccounts, path["serviceAccounts"])
    serviceAccounts(source.notServiceAccounts, path["notServiceAccounts"])
    for (field, values) in [
      ("trustDomains", source.trustDomains), ("notTrustDomains", source.notTrustDomains),
    ] {
      wildcards(values, path[field])
      for (index, value) in values.enumerated() {
        require(!value.contains("/"), path[field][index], "must not have a slash")
      }
    }
  }

  private mutating func operation(_ operation: Istio.Operation?, _ path: FieldPath) {
    guard let operation else { return error(path, "must be given") }
    require(operation != Istio.Operation(), path, "must have a field")
    ports(operation.ports, path["ports"])
    ports(operation.notPorts, path["notPorts"])
    for (field, values) in [
      ("methods", operation.methods), ("notMethods", operation.notMethods),
      ("hosts", operation.hosts), ("notHosts", operation.notHosts),
    ] {
      given(values, path[field])
    }
    for (field, values) in [("paths", operation.paths), ("notPaths", operation.notPaths)] {
      given(values, path[field])
      for (index, value) in values.enumerated() {
        require(
          Names.isPathTemplate(value), path[field][index],
          "{*} and a last {**} are whole parts of a path, and go with plain parts only")
      }
    }
  }

  private mutating func check(_ condition: Istio.Condition, _ path: FieldPath) {
    let key = condition.key
    guard !key.isEmpty else { return error(path["key"], "must be given") }
    require(
      !condition.values.isEmpty || !condition.notValues.isEmpty, path["values"],
      "must have a value, here or in notValues")
    for (field, values) in [("values", condition.values), ("notValues", condition.notValues)] {
      given(values, path[field])
      switch key {
      case "source.ip", "remote.ip", "destination.ip": blocks(values, path[field])
      case "source.serviceAccount": serviceAccounts(values, path[field])
      case "source.trustDomain": wildcards(values, path[field])
      case "destination.port": ports(values, path[field])
      default: break
      }
    }
    let plain: Set = [
      "source.ip", "remote.ip", "source.namespace", "source.serviceAccount", "source.principal",
      "source.trustDomain", "request.auth.principal", "request.auth.audiences",
      "request.auth.presenter", "destination.ip", "destination.port", "connection.sni",
    ]
    let maps = ["request.headers", "request.auth.claims", "experimental.envoy.filters."]
    if maps.contains(where: { key.hasPrefix($0) }) {
      let open = key.utf8.firstIndex(of: UInt8(ascii: "["))
      let inner = open.map { key.utf8.distance(from: $0, to: key.utf8.endIndex) } ?? 0
      require(key.hasSuffix("]") && inner > 2, path["key"], "must be of the form a[b]")
    } else {
      require(plain.contains(key), path["key"], "\"\(key)\" is not an attribute")
    }
  }

  /// Whether nothing that is asked of a source or an operation is known of a TCP connection.
  private static func deniesAllTCP(_ rule: Istio.Rule) -> Bool {
    let sources = rule.from.compactMap(\.source)
    let operations = rule.to.compactMap(\.operation)
    let knowsSource = sources.contains { source in
      ![
        source.principals, source.notPrincipals, source.ipBlocks, source.notIpBlocks,
        source.namespaces, source.notNamespaces, source.remoteIpBlocks, source.notRemoteIpBlocks,
        source.serviceAccounts, source.notServiceAccounts,
      ].allSatisfy(\.isEmpty)
    }
    let knowsOperation = operations.contains { !$0.ports.isEmpty || !$0.notPorts.isEmpty }
    return !sources.isEmpty && operations.isEmpty && !knowsSource
      || !operations.isEmpty && !knowsOperation
  }

  // Values.

  private mutating func given(_ values: [String], _ path: FieldPath) {
    for (index, value) in values.enumerated() {
      require(!value.isEmpty, path[index], "must not be empty")
    }
  }

  private mutating func blocks(_ values: [String], _ path: FieldPath) {
    given(values, path)
    for (index, value) in values.enumerated() where !value.isEmpty { subnet(value, path[index]) }
  }

  private mutating func ports(_ values: [String], _ path: FieldPath) {
    for (index, value) in values.enumerated() {
      require(
        UInt16(value) != nil && value.first != "+", path[index], "\"\(value)\" is not a port")
    }
  }

  /// Values with at most one `*`, at the beginning or the end.
  private mutating func wildcards(_ values: [String], _ path: FieldPath) {
    given(values, path)
    for (index, value) in values.enumerated() {
      let stars = value.filter { $0 == "*" }.count
      require(
        stars == 0 || stars == 1 && (value.hasPrefix("*") || value.hasSuffix("*")), path[index],
        "one * may stand at the beginning or the end")
    }
  }

  private mutating func serviceAccounts(_ values: [String], _ path: FieldPath) {
    require(values.count <= 16, path, "must have at most 16 values")
    for (index, value) in values.enumerated() {
      let parts = value.split(separator: "/", omittingEmptySubsequences: false)
      require(
        parts.count <= 2 && !parts.contains("") && !value.contains("*")
          && value.utf8.count <= 320, path[index],
        "must be serviceAccount or namespace/serviceAccount")
    }
  }
}

extension Names {
  /// Whether a path with `{*}` and `{**}` in it uses them as whole parts, `{**}` as the last one.
  static func isPathTemplate(_ path: String) -> Bool {
    let isTemplate = path.contains("{*}") || path.contains("{**}")
    var parts = path[...]
    while parts.first == "/" { parts.removeFirst() }
    while parts.last == "/" { parts.removeLast() }
    var hasRest = false
    for part in parts.split(separator: "/", omittingEmptySubsequences: false) {
      if part == "{*}" || part == "{**}" {
        if hasRest { return false }
        hasRest = part == "{**}"
        continue
      }
      if part.contains(where: { "{}".contains($0) }) { return false }
      let isPlain = part.utf8.allSatisfy {
        isAlphanumeric($0) || "-._~%!$&'()+,;:@=".utf8.contains($0)
      }
      if isTemplate, part.isEmpty || !isPlain { return false }
    }
    return true
  }
}
