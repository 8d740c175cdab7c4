// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel

extension ClusterDraft {
  /// Bounds connections and requests; what is not bounded is not by Envoy's defaults either.
  mutating func limit(
    _ pool: Istio.ConnectionPoolSettings, _ budget: Istio.TrafficPolicy.RetryBudget? = nil
  ) {
    cluster.connectTimeout = pool.tcp?.connectTimeout ?? mesh.connectTimeout
    cluster.circuitBreakers = cluster.make(Envoy.CircuitBreakers.self) { breakers in
      breakers.thresholds.append(thresholds(pool, budget))
    }
    keepAlive(mesh.tcpKeepalive)
    keepAlive(pool.tcp?.tcpKeepalive)
    setCommonOptions(pool)
    if pool.http?.useClientProtocol == true { speakAsDownstream() }
  }

  private func thresholds(
    _ pool: Istio.ConnectionPoolSettings, _ budget: Istio.TrafficPolicy.RetryBudget?
  ) -> Envoy.CircuitBreakers.Thresholds {
    func bound(_ value: Int32?) -> UInt32 {
      guard let value, value > 0 else { return .max }
      return UInt32(value)
    }
    return cluster.make(Envoy.CircuitBreakers.Thresholds.self) { thresholds in
      thresholds.maxConnections = bound(pool.tcp?.maxConnections)
      thresholds.maxPendingRequests = bound(pool.http?.http1MaxPendingRequests)
      thresholds.maxRequests = bound(pool.http?.http2MaxRequests)
      thresholds.maxRetries = bound(pool.http?.maxRetries)
      thresholds.trackRemaining = !settings.feature(
        "DISABLE_TRACK_REMAINING_CB_METRICS", default: true)
      guard let budget else { return }
      thresholds.retryBudget = thresholds.make(Envoy.CircuitBreakers.Thresholds.RetryBudget.self) {
        $0.budgetPercent = percent(budget.percent ?? 20)
        $0.minRetryConcurrency = budget.minRetryConcurrency > 0 ? budget.minRetryConcurrency : 3
      }
    }
  }

  /// A percentage.
  func percent(_ value: Double) -> Envoy.Percent {
    cluster.make(Envoy.Percent.self) { $0.value = value }
  }

  private func keepAlive(
    _ settings: Istio.ConnectionPoolSettings.TCPSettings.TcpKeepalive?
  ) {
    guard let settings else { return }
    let options =
      cluster.upstreamConnectionOptions ?? cluster.make(Envoy.UpstreamConnectionOptions.self)
    let keepalive = options.tcpKeepalive ?? options.make(Envoy.TcpKeepalive.self)
    if settings.probes > 0 { keepalive.keepaliveProbes = settings.probes }
    if let time = settings.time { keepalive.keepaliveTime = time.wholeSeconds }
    if let interval = settings.interval { keepalive.keepaliveInterval = interval.wholeSeconds }
    options.tcpKeepalive = keepalive
    cluster.upstreamConnectionOptions = options
  }

  private mutating func setCommonOptions(_ pool: Istio.ConnectionPoolSettings) {
    let idle = pool.http?.idleTimeout ?? pool.tcp?.idleTimeout
    let longest = pool.tcp?.maxConnectionDuration
    let requests = UInt32(clamping: pool.http?.maxRequestsPerConnection ?? 0)
    let streams = UInt32(clamping: pool.http?.maxConcurrentStreams ?? 0)
    let keepalive = pool.http?.http2KeepAlive
    guard idle != nil || longest != nil || requests > 0 || streams > 0 || keepalive != nil else {
      return
    }
    let options = httpOptions()
    let common = options.commonHttpProtocolOptions ?? options.make(Envoy.HttpProtocolOptions.self)
    if let idle { common.idleTimeout = idle }
    if requests > 0 { common.maxRequestsPerConnection = requests }
    if let longest { common.maxConnectionDuration = longest }
    options.commonHttpProtocolOptions = common
    guard let http2 = options.explicitHttpConfig?.http2ProtocolOptions else { return }
    if streams > 0 { http2.maxConcurrentStreams = streams }
    guard let keepalive else { return }
    http2.connectionKeepalive = http2.make(Envoy.KeepaliveSettings.self) {
      $0.interval = keepalive.interval
      $0.timeout = keepalive.timeout
    }
  }
}

extension Duration {
  /// The seconds, what is beyond them cut off.
  fileprivate var wholeSeconds: UInt32 { UInt32(clamping: components.seconds) }
}
