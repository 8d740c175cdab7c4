// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI

extension ClusterDraft {
  /// Takes endpoints out of use that fail.
  ///
  /// - Parameter ignoresShare: Whether the share of healthy endpoints does not matter, because
  ///   unhealthy ones are told of too.
  mutating func eject(_ rule: Istio.OutlierDetection?, ignoresShare: Bool) {
    guard let rule else { return }
    cluster.outlierDetection = cluster.make(Envoy.OutlierDetection.self) { detection in
      detection.enforcingSuccessRate = 0
      if let count = rule.consecutive5xxErrors {
        detection.consecutive5xx = count
        detection.enforcingConsecutive5xx = count > 0 ? 100 : 0
      }
      if let count = rule.consecutiveGatewayErrors {
        detection.consecutiveGatewayFailure = count
        detection.enforcingConsecutiveGatewayFailure = count > 0 ? 100 : 0
      }
      detection.interval = rule.interval
      detection.baseEjectionTime = rule.baseEjectionTime
      if rule.maxEjectionPercent > 0 {
        detection.maxEjectionPercent = UInt32(rule.maxEjectionPercent)
      }
      guard rule.splitExternalLocalOriginErrors else { return }
      detection.splitExternalLocalOriginErrors = true
      if let count = rule.consecutiveLocalOriginFailures, count > 0 {
        detection.consecutiveLocalOriginFailure = count
        detection.enforcingConsecutiveLocalOriginFailure = 100
      }
      detection.enforcingLocalOriginSuccessRate = 0
    }
    if !rule.outlierDetectionHttpErrorCodes.isEmpty {
      count(rule.outlierDetectionHttpErrorCodes)
    }
    // Envoy would use failing endpoints again when half of them fail.
    if rule.minHealthPercent >= 0 {
      cluster.commonLbConfig?.healthyPanicThreshold = percent(
        ignoresShare ? 0 : Double(rule.minHealthPercent))
    }
  }

  /// Counts responses of these statuses as failures, in place of all from 500 on.
  private mutating func count(_ statuses: [UInt32]) {
    let options = httpOptions()
    let rules = statuses.map { status in
      options.make(Envoy.MatchPredicate.self) { rule in
        rule.httpResponseHeadersMatch = rule.make(Envoy.HttpHeadersMatch.self) { match in
          match.headers.append(
            match.make(Envoy.HeaderMatcher.self) { header in
              header.name = ":status"
              header.stringMatch = header.make(Envoy.StringMatcher.self) {
                $0.exact = String(status)
              }
            })
        }
      }
    }
    options.outlierDetection = options.make(
      Envoy.HttpUpstreamHttpProtocolOptions.OutlierDetection.self
    ) { detection in
      detection.errorMatcher =
        rules.count == 1
        ? rules[0]
        : detection.make(Envoy.MatchPredicate.self) { any in
          any.orMatch = any.make(Envoy.MatchPredicate.MatchSet.self) { $0.rules = .init(rules) }
        }
    }
  }
}
