// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

extension Envoy.RouteMatch {
  /// Why a request does not match, as Envoy sees it; nil where it does.
  func mismatch(_ request: TrafficRequest) -> Mismatch? {
    if let reason = pathMismatch(request) { return reason }
    for header in headers { if let reason = header.mismatch(request) { return reason } }
    for parameter in queryParameters {
      if let reason = parameter.mismatch(request) { return reason }
    }
    for matcher in dynamicMetadata { if let reason = matcher.mismatch(request) { return reason } }
    if grpc != nil, request.header("content-type")?.hasPrefix("application/grpc") != true {
      return "is for gRPC; the request has no content-type of it"
    }
    if runtimeFraction?.defaultValue.map({ $0.numerator == 0 }) == true {
      return "is for no share of the requests"
    }
    return nil
  }

  /// What is compared with a path has no query, and is folded where the match is.
  private func pathMismatch(_ request: TrafficRequest) -> Mismatch? {
    let folds = caseSensitive == false
    let fold = { (text: String) in folds ? text.lowercased() : text }
    let path = request.pathWithoutQuery
    let folded = fold(path)
    let has = "; it is \(quoted(path))"
    switch pathSpecifier {
    case .prefix(let wanted)?:
      return folded.hasPrefix(fold(wanted))
        ? nil : "path must begin with \(quoted(wanted))\(has)"
    case .path(let wanted)?:
      return folded == fold(wanted) ? nil : "path must be exactly \(quoted(wanted))\(has)"
    case .safeRegex(let regex)?:
      return regex.matches(path) ? nil : "path must match \(quoted(regex.regex))\(has)"
    case .pathSeparatedPrefix(let wanted)?:
      let rest = folded.dropFirst(wanted.count)
      let isMatch = folded.hasPrefix(fold(wanted)) && (rest.isEmpty || rest.hasPrefix("/"))
      return isMatch ? nil : "path must be \(quoted(wanted)) or below it\(has)"
    case .connectMatcher?: return request.method == "CONNECT" ? nil : "is for CONNECT alone"
    case .pathMatchPolicy(let policy)?: return "asks \(policy.name), which is not known here"
    case nil: return "has no path to match"
    }
  }
}
