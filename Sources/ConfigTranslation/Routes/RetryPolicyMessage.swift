// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI

/// How failed requests to other workloads are tried again.
///
/// - Parameters:
///   - retries: What is asked for; nil for Istio's standard.
///   - keepsHosts: Whether the same host may be tried again, as with consistent hashing.
/// - Returns: The policy; nil where retries are turned off.
func retryPolicy(
  _ retries: Istio.HTTPRetry?, keepsHosts: Bool, in arena: Arena
) -> Envoy.RouteRetryPolicy? {
  if let retries, retries.attempts <= 0 { return nil }
  return Envoy.RouteRetryPolicy(arena) { policy in
    policy.numRetries = retries.map { UInt32($0.attempts) } ?? 2
    policy.retryOn = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
    policy.hostSelectionRetryMaxAttempts = 5
    if retries?.retryIgnorePreviousHosts ?? !keepsHosts { policy.addPreviousHosts() }
    guard let retries else { return }
    policy.setConditions(retries.retryOn)
    policy.perTryTimeout = retries.perTryTimeout
    if retries.retryRemoteLocalities == true { policy.setPreviousPriorities() }
    if let interval = retries.backoff {
      policy.retryBackOff = policy.make(Envoy.RouteRetryPolicy.RetryBackOff.self) {
        $0.baseInterval = interval
      }
    }
  }
}

extension Envoy.RouteRetryPolicy {
  /// Sets the conditions as written, status codes taken out; nothing for an empty text.
  func setConditions(_ written: String) {
    guard !written.isEmpty else { return }
    let parts = written.split(separator: ",").map { $0.trimmed }.filter { !$0.isEmpty }
    let codes = parts.compactMap { UInt32($0) }.filter(isHTTPStatus)
    let words = parts.filter { UInt32($0).map(isHTTPStatus) != true }
    retriableStatusCodes = .init(codes)
    let isSaid = words.contains { $0.contains("retriable-status-codes") }
    let added = codes.isEmpty || isSaid ? [] : ["retriable-status-codes"]
    // Istio joins the added word with a comma even where nothing stands before it.
    retryOn = words.joined(separator: ",") + (added.isEmpty ? "" : ",retriable-status-codes")
  }

  fileprivate func addPreviousHosts() {
    retryHostPredicate.append(
      make(RetryHostPredicate.self) {
        $0.name = "envoy.retry_host_predicates.previous_hosts"
        $0.typedConfig = .pack(make(Envoy.PreviousHostsPredicate.self))
      })
  }

  fileprivate func setPreviousPriorities() {
    retryPriority = make(RetryPriority.self) {
      $0.name = "envoy.retry_priorities.previous_priorities"
      $0.typedConfig = .pack(
        make(Envoy.PreviousPrioritiesConfig.self) { $0.updateFrequency = 2 })
    }
  }
}

extension Substring {
  /// Without white space at both ends.
  fileprivate var trimmed: Substring {
    var text = self
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}

/// Whether a number is a status code that HTTP names (the list of Go's net/http).
private func isHTTPStatus(_ code: UInt32) -> Bool {
  switch code {
  case 100...103, 200...208, 226, 300...305, 307, 308, 400...418, 421...426, 428, 429, 431, 451,
    500...508, 510, 511:
    true
  default: false
  }
}
