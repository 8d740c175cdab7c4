// SPDX-License-Identifier: Apache-2.0

import Configuration

extension Istio.HTTPRoute {
  /// A delegate's route under this root's route: what it does not say, the root's says; nil where
  /// the two can never match one request.
  func merged(with delegate: Istio.HTTPRoute) -> Istio.HTTPRoute? {
    guard let match = mergedMatches(match, delegate.match) else { return nil }
    var route = delegate
    route.match = match
    route.name = joined(name, delegate.name)
    route.rewrite = delegate.rewrite ?? rewrite
    route.directResponse = delegate.directResponse ?? directResponse
    route.timeout = delegate.timeout ?? timeout
    route.retries = delegate.retries ?? retries
    route.fault = delegate.fault ?? fault
    route.mirror = delegate.mirror ?? mirror
    route.mirrorPercent = delegate.mirrorPercent ?? mirrorPercent
    route.mirrorPercentage = delegate.mirrorPercentage ?? mirrorPercentage
    route.corsPolicy = delegate.corsPolicy ?? corsPolicy
    if route.mirrors.isEmpty { route.mirrors = mirrors }
    route.headers = delegate.headers ?? headers
    return route
  }
}

/// `root-delegate`, or the one that there is.
private func joined(_ root: String, _ delegate: String) -> String {
  if delegate.isEmpty { return root }
  return root.isEmpty ? delegate : "\(root)-\(delegate)"
}

/// Each match of the delegate with each of the root's that it does not contradict; nil where one of
/// the delegate's contradicts them all.
private func mergedMatches(
  _ root: [Istio.HTTPMatchRequest], _ delegate: [Istio.HTTPMatchRequest]
) -> [Istio.HTTPMatchRequest]? {
  if root.isEmpty { return delegate }
  if delegate.isEmpty { return root }
  var merged: [Istio.HTTPMatchRequest] = []
  for match in delegate {
    let fitting = root.filter { !$0.contradicts(match) }
    if fitting.isEmpty { return nil }
    merged += fitting.map { $0.merged(with: match) }
  }
  return merged
}

extension Istio.HTTPMatchRequest {
  fileprivate func merged(with delegate: Istio.HTTPMatchRequest) -> Istio.HTTPMatchRequest {
    var match = delegate
    match.name = joined(name, delegate.name)
    match.uri = delegate.uri ?? uri
    match.scheme = delegate.scheme ?? scheme
    match.method = delegate.method ?? method
    match.authority = delegate.authority ?? authority
    match.headers = headers.merging(delegate.headers) { $1 }
    match.withoutHeaders = withoutHeaders.merging(delegate.withoutHeaders) { $1 }
    match.queryParams = queryParams.merging(delegate.queryParams) { $1 }
    if match.port == 0 { match.port = port }
    match.sourceLabels = sourceLabels.merging(delegate.sourceLabels) { $1 }
    if match.sourceNamespace.isEmpty { match.sourceNamespace = sourceNamespace }
    if match.gateways.isEmpty { match.gateways = gateways }
    if match.statPrefix.isEmpty { match.statPrefix = statPrefix }
    return match
  }

  /// Whether a delegate's match is for requests that this match is not for.
  fileprivate func contradicts(_ delegate: Istio.HTTPMatchRequest) -> Bool {
    let pairs = [
      (uri, delegate.uri), (scheme, delegate.scheme), (method, delegate.method),
      (authority, delegate.authority),
    ]
    if pairs.contains(where: { excludes($0.0, $0.1) }) { return true }
    if anyExcluded(headers, delegate.headers) { return true }
    if anyExcluded(withoutHeaders, delegate.withoutHeaders) { return true }
    if anyExcluded(queryParams, delegate.queryParams) { return true }
    if ignoreUriCase != delegate.ignoreUriCase { return true }
    if port > 0, delegate.port > 0, port != delegate.port { return true }
    if !sourceNamespace.isEmpty, delegate.sourceNamespace != sourceNamespace { return true }
    if delegate.sourceLabels.contains(where: { key, value in
      sourceLabels[key].map { $0 != value } ?? false
    }) {
      return true
    }
    guard !gateways.isEmpty, !delegate.gateways.isEmpty else { return false }
    return gateways.count < delegate.gateways.count
      || !Set(gateways).isSuperset(of: delegate.gateways)
  }
}

private func anyExcluded(
  _ root: [String: Istio.StringMatch], _ delegate: [String: Istio.StringMatch]
) -> Bool {
  delegate.contains { excludes(root[$0.key], $0.value) }
}

/// Whether the root's text is not wider than the delegate's; of regular expressions nobody can tell.
private func excludes(_ root: Istio.StringMatch?, _ delegate: Istio.StringMatch?) -> Bool {
  guard let root, let delegate else { return false }
  switch (root, delegate) {
  case (.exact(let root), .exact(let text)): return root != text
  case (.prefix(let root), .prefix(let text)): return !text.hasPrefix(root)
  case (.prefix(let root), .exact(let text)): return !text.hasPrefix(root)
  default: return true
  }
}
