// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// How the load is shared among places, as DestinationRule, Service and mesh say in this order.
enum LocalityBalancing: Hashable, Sendable {
  /// By weights of places, or by distance; a forced one does not need outlier detection.
  case locality(Istio.LocalityLoadBalancerSetting, isForced: Bool)
  /// Among the zones of a region by Envoy itself.
  case zoneAware(Istio.ZoneAwareLoadBalancerSetting)

  /// What counts; nil where places do not matter.
  static func effective(
    mesh: Istio.MeshConfig, rule: Istio.LoadBalancerSettings?, service: TrafficDistribution
  ) -> LocalityBalancing? {
    if let setting = rule?.zoneAwareLbSetting { return .zoneAware(setting) }
    if let setting = rule?.localityLbSetting {
      return setting.enabled == false ? nil : .locality(setting, isForced: false)
    }
    if service != .any {
      var setting = Istio.LocalityLoadBalancerSetting()
      setting.enabled = true
      setting.failoverPriority = service.labels
      return .locality(setting, isForced: true)
    }
    if let setting = mesh.zoneAwareLbSetting { return .zoneAware(setting) }
    guard let setting = mesh.localityLbSetting, setting.enabled != false else { return nil }
    return .locality(setting, isForced: false)
  }

  /// Whether the cluster's load is shared by the weights of places.
  func weighsLocalities(hasOutlierDetection: Bool) -> Bool {
    guard case .locality(let setting, let isForced) = self else { return false }
    if !setting.distribute.isEmpty { return true }
    guard isForced || hasOutlierDetection else { return false }
    return !setting.failover.isEmpty || !setting.failoverPriority.isEmpty
  }

  /// Whether what the proxy is told depends on where it is.
  func dependsOnProxy(hasOutlierDetection: Bool) -> Bool {
    switch self {
    case .locality(let setting, let isForced):
      !setting.distribute.isEmpty || isForced || hasOutlierDetection
    case .zoneAware(let setting): setting.enabled != false
    }
  }

  /// The labels by which priorities are told.
  var priorityLabels: [String] {
    switch self {
    case .locality(let setting, _): setting.distribute.isEmpty ? setting.failoverPriority : []
    case .zoneAware(let setting): setting.failoverPriority
    }
  }
}

/// How the load is shared among places, seen from a proxy.
struct LocalityView: Hashable, Sendable {
  /// What is to be done.
  var balancing: LocalityBalancing
  /// Where the proxy is.
  var locality: Locality
  /// The proxy's labels by which priorities are told.
  var labels: [String: String]
  /// Whether the proxy has any label: without, labels tell nothing.
  var hasLabels: Bool
  /// Whether the proxy finds out which endpoints fail.
  var hasOutlierDetection: Bool

  /// The groups with their priorities and weights.
  func applied(to groups: [LocalityGroup]) -> [LocalityGroup] {
    switch balancing {
    case .locality(let setting, let isForced):
      if !setting.distribute.isEmpty { return weighted(groups, setting.distribute) }
      guard isForced || hasOutlierDetection else { return groups }
      if setting.failoverPriority.isEmpty { return byDistance(groups, setting.failover) }
      let prioritised = byLabels(groups, setting.failoverPriority)
      return setting.failover.isEmpty ? prioritised : byDistance(prioritised, setting.failover)
    case .zoneAware(let setting):
      guard setting.enabled != false else { return groups }
      let prioritised =
        setting.failoverPriority.isEmpty ? groups : byLabels(groups, setting.failoverPriority)
      return byRegion(prioritised, setting.failover)
    }
  }
}
