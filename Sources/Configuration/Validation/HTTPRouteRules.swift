// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Checks an HTTP route of a VirtualService.
  mutating func check(
    _ route: Istio.HTTPRoute, isDelegate: Bool, isOfGateways: Bool, _ path: FieldPath
  ) {
    conflicts(route, isDelegate: isDelegate, path)
    for (index, match) in route.match.enumerated() {
      check(match, isOfGateways: isOfGateways, path["match"][index])
    }
    check(route.headers, path["headers"])
    if let cors = route.corsPolicy { check(cors, path["corsPolicy"]) }
    if let fault = route.fault { check(fault, path["fault"]) }
    if let mirror = route.mirror { check(mirror, path["mirror"]) }
    share(route.mirrorPercentage?.value, path["mirrorPercentage"])
    require((route.mirrorPercent ?? 0) <= 100, path["mirrorPercent"], "must be at most 100")
    warn(
      route.mirrorPercent != nil, path["mirrorPercent"], "is deprecated: use mirrorPercentage")
    for (index, mirror) in route.mirrors.enumerated() {
      required(mirror.destination, path["mirrors"][index]["destination"])
      share(mirror.percentage?.value, path["mirrors"][index]["percentage"])
    }
    if let redirect = route.redirect { check(redirect, route.match, path["redirect"]) }
    if let response = route.directResponse { check(response, path["directResponse"]) }
    if let retries = route.retries { check(retries, path["retries"]) }
    if let rewrite = route.rewrite { check(rewrite, path["rewrite"]) }
    authority(route.rewrite, route.headers, path)
    weights(route.route.map(\.weight), path["route"])
    for (index, entry) in route.route.enumerated() {
      required(entry.destination, path["route"][index]["destination"])
      check(entry.headers, path["route"][index]["headers"])
    }
    duration(route.timeout, path["timeout"])
  }

  private mutating func conflicts(
    _ route: Istio.HTTPRoute, isDelegate: Bool, _ path: FieldPath
  ) {
    if route.delegate != nil, !isDelegate {
      require(route.redirect == nil, path["redirect"], "does not go with delegate")
      require(route.route.isEmpty, path["route"], "does not go with delegate")
      return
    }
    require(route.delegate == nil, path["delegate"], "a delegate cannot delegate further")
    require(
      route.mirror == nil || route.mirrors.isEmpty, path["mirror"], "does not go with mirrors")
    guard route.redirect != nil || route.directResponse != nil else {
      require(!route.route.isEmpty, path, "must have route, redirect or directResponse")
      return
    }
    let name = route.redirect != nil ? "redirect" : "directResponse"
    require(route.route.isEmpty, path["route"], "does not go with \(name)")
    require(route.fault == nil, path["fault"], "does not go with \(name)")
    require(route.rewrite == nil, path["rewrite"], "does not go with \(name)")
    require(
      route.redirect == nil || route.directResponse == nil, path["directResponse"],
      "does not go with redirect")
  }

  private mutating func check(
    _ match: Istio.HTTPMatchRequest, isOfGateways: Bool, _ path: FieldPath
  ) {
    if case .regex(let pattern)? = match.uri { regex(pattern, path["uri"]["regex"]) }
    for (field, value) in [
      ("scheme", match.scheme), ("method", match.method), ("authority", match.authority),
    ] {
      if let value { check(value, path[field]) }
    }
    for (name, value) in match.headers.sorted(by: { $0.key < $1.key }) {
      headerMatch(name, isOfGateways: isOfGateways, path["headers"][name])
      // istiod translates this, though its webhook refuses it.
      warn(
        value == .regex("*"), path["headers"][name]["regex"],
        "is no pattern, and means that the header is there: write .*")
      if value != .regex("*") { check(value, path["headers"][name]) }
    }
    for (name, value) in match.withoutHeaders.sorted(by: { $0.key < $1.key }) {
      headerMatch(name, isOfGateways: isOfGateways, path["withoutHeaders"][name])
      if value != .regex("*") { check(value, path["withoutHeaders"][name]) }
    }
    for (name, value) in match.queryParams.sorted(by: { $0.key < $1.key }) {
      check(value, path["queryParams"][name])
    }
    if match.port != 0 { port(match.port, path["port"]) }
    labels(match.sourceLabels, path["sourceLabels"])
    gatewayNames(match.gateways, path["gateways"])
    require(
      match.sourceNamespace.isEmpty || Names.isDNSLabel(match.sourceNamespace),
      path["sourceNamespace"], "is not a namespace")
  }

  /// Checks the name of a header that is matched.
  mutating func headerMatch(_ name: String, isOfGateways: Bool, _ path: FieldPath) {
    if Names.isClaim(name) {
      return require(isOfGateways, path, "claims of tokens are matched at gateways only")
    }
    let isPseudo = [":authority", ":method", ":path", ":scheme", ":status"].contains(name)
    require(isPseudo || Names.isHeaderName(name), path, "\"\(name)\" is not a name of a header")
  }

  private mutating func check(_ match: Istio.StringMatch, _ path: FieldPath) {
    switch match {
    case .prefix(""): error(path["prefix"], "must not be empty")
    case .regex(let pattern): regex(pattern, path["regex"])
    case .exact, .prefix, .unset: break
    }
  }

  private mutating func check(_ headers: Istio.Headers?, _ path: FieldPath) {
    for (field, operations) in [("request", headers?.request), ("response", headers?.response)] {
      let here = path[field]
      for (verb, values) in [("set", operations?.set ?? [:]), ("add", operations?.add ?? [:])] {
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
          header(name, allowsAuthority: field == "request", here[verb][name])
          headerValue(value, here[verb][name])
        }
      }
      for (index, name) in (operations?.remove ?? []).enumerated() {
        header(name, allowsAuthority: false, here["remove"][index])
      }
    }
  }

  private mutating func header(_ name: String, allowsAuthority: Bool, _ path: FieldPath) {
    require(!name.isEmpty, path, "a header must have a name")
    let isAuthority = Names.isAuthority(name)
    require(
      !(name.hasPrefix(":") || isAuthority) || allowsAuthority && isAuthority, path,
      "\"\(name)\" cannot be changed")
  }

  /// Checks a value of a header that is set.
  mutating func headerValue(_ value: String, _ path: FieldPath) {
    require(
      !value.utf8.contains { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }, path,
      "must have no control characters")
    if let problem = HeaderFormat.problem(of: value) { error(path, problem) }
  }

  private mutating func check(_ cors: Istio.CorsPolicy, _ path: FieldPath) {
    for (index, origin) in cors.allowOrigins.enumerated() {
      let here = path["allowOrigins"][index]
      require(
        ![.unset, .exact(""), .prefix("")].contains(origin), here, "must not be empty")
      check(origin, here)
    }
    let methods: Set = [
      "*", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE",
    ]
    for (index, method) in cors.allowMethods.enumerated() {
      require(methods.contains(method), path["allowMethods"][index], "\"\(method)\" is no method")
    }
    for (field, names) in [
      ("allowHeaders", cors.allowHeaders), ("exposeHeaders", cors.exposeHeaders),
    ] {
      for (index, name) in names.enumerated() {
        require(
          Names.isHeaderName(name), path[field][index], "\"\(name)\" is not a name of a header")
      }
    }
    duration(cors.maxAge, path["maxAge"])
    require(
      (cors.maxAge ?? .zero).components.attoseconds == 0, path["maxAge"], "must be whole seconds")
  }

  private mutating func check(_ fault: Istio.HTTPFaultInjection, _ path: FieldPath) {
    require(fault.abort != nil || fault.delay != nil, path, "must have abort or delay")
    if let abort = fault.abort {
      let here = path["abort"]
      percentage(abort.percentage?.value, here["percentage"])
      switch abort.errorType {
      case .httpStatus(let status): httpStatus(Int(status), here["httpStatus"])
      case .http2Error: error(here["http2Error"], "is not supported")
      case .grpcStatus(let name):
        require(Names.grpcStatuses.contains(name), here["grpcStatus"], "\"\(name)\" is no status")
      case nil: warn(true, here, "no kind of error is given")
      }
    }
    if let delay = fault.delay {
      let here = path["delay"]
      percentage(delay.percentage?.value, here["percentage"])
      switch delay.httpDelayType {
      case .fixedDelay(let time): duration(time, here["fixedDelay"])
      case .exponentialDelay: error(here["exponentialDelay"], "is not supported")
      case nil: break
      }
    }
  }

  private mutating func share(_ value: Double?, _ path: FieldPath) {
    require((0...100).contains(value ?? 0), path["value"], "must be from 0 to 100")
  }

  /// A share of requests in Envoy's finest unit, a millionth.
  private mutating func percentage(_ value: Double?, _ path: FieldPath) {
    let value = value ?? 0
    require(
      value == 0 || (0.0001...100).contains(value), path["value"],
      "must be 0, or from 0.0001 to 100")
  }

  /// Checks a status that Envoy is to answer; 600 passes, as in istiod, though Envoy has it not.
  mutating func httpStatus(_ status: Int, _ path: FieldPath) {
    require((200...600).contains(status), path, "must be from 200 to 600")
  }

  private mutating func check(
    _ redirect: Istio.HTTPRedirect, _ matches: [Istio.HTTPMatchRequest], _ path: FieldPath
  ) {
    require(
      redirect.uri.isEmpty || redirect.prefixRewrite.isEmpty, path, "has both uri and prefixRewrite"
    )
    if !redirect.prefixRewrite.isEmpty {
      let allPrefixes = matches.allSatisfy { match in
        switch match.uri {
        case nil, .prefix?: true
        default: false
        }
      }
      require(allPrefixes, path["prefixRewrite"], "all matches of uri must be prefixes")
    }
    let isEmpty =
      redirect.uri.isEmpty && redirect.prefixRewrite.isEmpty && redirect.authority.isEmpty
      && redirect.scheme.isEmpty && redirect.redirectPort == nil
    require(!isEmpty, path, "must have uri, authority, scheme or port")
    require(
      redirect.redirectCode == 0 || (300...399).contains(redirect.redirectCode),
      path["redirectCode"], "must be from 300 to 399")
    require(
      ["", "http", "https"].contains(redirect.scheme), path["scheme"], "must be http or https")
    if case .port(let number)? = redirect.redirectPort, number > 0 { port(number, path["port"]) }
  }

  private mutating func check(_ response: Istio.HTTPDirectResponse, _ path: FieldPath) {
    httpStatus(Int(response.status), path["status"])
    let size =
      switch response.body {
      case .string(let text)?: text.utf8.count
      case .bytes(let bytes)?: bytes.bytes.count
      default: 0
      }
    require(size <= 1 << 20, path["body"], "must be at most 1 MiB")
    warn(size > 100 << 10, path["body"], "bodies over 100 KiB are a burden")
  }

  /// Checks how requests are tried again.
  mutating func check(_ retries: Istio.HTTPRetry, _ path: FieldPath) {
    require(retries.attempts >= 0, path["attempts"], "must not be negative")
    if retries.attempts == 0 {
      require(
        retries.perTryTimeout == nil && retries.retryOn.isEmpty
          && retries.retryRemoteLocalities == nil, path, "0 attempts go with no other field")
    }
    duration(retries.perTryTimeout, path["perTryTimeout"])
    duration(retries.backoff, path["backoff"])
    for word in retries.retryOn.split(separator: ",", omittingEmptySubsequences: false)
    where !retries.retryOn.isEmpty {
      let isStatus = Int(word).map { Names.isKnownStatus($0) } ?? false
      require(
        isStatus || Names.retryConditions.contains(String(word)), path["retryOn"],
        "\"\(word)\" is no condition or status")
    }
  }

  private mutating func check(_ rewrite: Istio.HTTPRewrite, _ path: FieldPath) {
    require(
      rewrite.uri.isEmpty || rewrite.uriRegexRewrite == nil, path,
      "has both uri and uriRegexRewrite")
    require(
      !rewrite.uri.isEmpty || rewrite.uriRegexRewrite != nil || !rewrite.authority.isEmpty, path,
      "must have uri, uriRegexRewrite or authority")
    if let pattern = rewrite.uriRegexRewrite {
      regex(pattern.match, path["uriRegexRewrite"]["match"])
      require(!pattern.rewrite.isEmpty, path["uriRegexRewrite"]["rewrite"], "must not be empty")
    }
  }

  /// Checks that the host that a request is for is written once.
  private mutating func authority(
    _ rewrite: Istio.HTTPRewrite?, _ headers: Istio.Headers?, _ path: FieldPath
  ) {
    var current = rewrite?.authority ?? ""
    for (verb, values) in [
      ("set", headers?.request?.set ?? [:]), ("add", headers?.request?.add ?? [:]),
    ] {
      for (name, value) in values.sorted(by: { $0.key < $1.key }) where Names.isAuthority(name) {
        require(
          current.isEmpty, path["headers"]["request"][verb][name], "the host is written already")
        current = value
      }
    }
  }
}

extension Names {
  /// Whether a name of a header means a claim of a token: `@request.auth.claims.a` or `…[a]`.
  static func isClaim(_ name: String) -> Bool {
    let prefix = "@request.auth.claims"
    guard name.lowercased().hasPrefix(prefix) else { return false }
    let rest = name.dropFirst(prefix.count)
    return rest.hasPrefix(".") && rest.count > 1
      || rest.hasPrefix("[") && rest.hasSuffix("]") && rest.count > 2
  }

  /// The names of gRPC's status codes.
  static let grpcStatuses: Set<String> = [
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
    "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
  ]

  /// On what Envoy can try again.
  static let retryConditions: Set<String> = [
    "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure",
    "envoy-ratelimited", "retriable-4xx", "refused-stream", "retriable-status-codes",
    "retriable-headers", "http3-post-connect-failure", "cancelled", "deadline-exceeded", "internal",
    "resource-exhausted", "unavailable",
  ]

  /// Whether a header is the host that a request is for.
  static func isAuthority(_ name: String) -> Bool {
    ["host", ":authority"].contains(name.lowercased())
  }

  /// Whether a status of HTTP has a meaning.
  static func isKnownStatus(_ status: Int) -> Bool {
    switch status {
    case 100...103, 200...208, 226, 300...305, 307, 308, 400...418, 421...426, 428, 429, 431, 451,
      500...508, 510, 511:
      true
    default: false
    }
  }
}
