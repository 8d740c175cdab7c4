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
    // Envoy would use failing endpoints again when half of them fail.
    if rule.minHealthPercent >= 0 {
      cluster.commonLbConfig?.healthyPanicThreshold = percent(
        ignoresShare ? 0 : Double(rule.minHealthPercent))
    }
  }
}
