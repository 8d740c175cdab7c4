// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel

/// Which statistics filters a proxy has: one for each Prometheus provider that counts for it.
struct StatisticsSettings: Hashable, Sendable {
  /// A tag and where its value comes from.
  struct Tag: Hashable, Sendable {
    var name: String
    var value: String

    init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// What is changed of one metric.
  struct Metric: Hashable, Sendable {
    var name: String
    var isDropped: Bool
    var tags: [Tag]
    var removedTags: [String]
  }

  /// One side of calls.
  struct Side: Hashable, Sendable {
    /// Whether nothing is counted.
    var isSilent = false
    /// The metrics that differ from Istio's.
    var metrics: [Metric] = []
  }

  /// One provider.
  struct Provider: Hashable, Sendable {
    /// Calls that the workload makes.
    var client = Side()
    /// Calls that it serves.
    var server = Side()
    /// How often open connections are reported.
    var interval: Duration?
  }

  /// The providers by name.
  var providers: [Provider] = []

  /// The filters for HTTP.
  func httpFilters(for trafficClass: TrafficClass, in arena: Arena) -> [Envoy.HttpFilter] {
    configs(trafficClass, in: arena).map { .typed(arena, "istio.stats", $0) }
  }

  /// The filters for connections.
  func networkFilters(for trafficClass: TrafficClass, in arena: Arena) -> [Envoy.NetworkFilter] {
    configs(trafficClass, in: arena).map { .typed(arena, "istio.stats", $0) }
  }

  private func configs(_ trafficClass: TrafficClass, in arena: Arena) -> [Envoy.IstioStats] {
    providers.compactMap { provider in
      let side = trafficClass.isClientSide ? provider.client : provider.server
      guard !side.isSilent else { return nil }
      return Envoy.IstioStats(arena) { config in
        // The Host header says which service is meant only where the proxy is the caller's.
        config.disableHostHeaderFallback = trafficClass != .sidecarOutbound
        config.tcpReportingDuration = provider.interval
        for metric in side.metrics { config.metrics.append(metric.make(in: arena)) }
      }
    }
  }
}

extension StatisticsSettings.Metric {
  fileprivate func make(in arena: Arena) -> Envoy.MetricConfig {
    Envoy.MetricConfig(arena) { config in
      config.name = name
      config.drop = isDropped
      config.tagsToRemove = .init(removedTags)
      for tag in tags { config.dimensions[tag.name] = tag.value }
    }
  }
}

extension ProxyContext {
  /// The statistics that mesh and Telemetry objects ask for, as far as the proxy can keep them.
  func statisticsSettings(_ rules: TelemetryRules) -> StatisticsSettings {
    guard node.hasIstioFilter("istio.stats") else { return StatisticsSettings() }
    let merged = MetricRules(
      rules.metrics, defaults: settings.mesh.defaultProviders?.metrics ?? []
    ).statistics
    let counting = merged.sorted { $0.key < $1.key }.filter { name, _ in
      guard case .prometheus? = settings.provider(named: name)?.provider else { return false }
      return true
    }
    return StatisticsSettings(providers: counting.map(\.value))
  }
}

extension MeshSettings {
  /// The extension provider of a name, in any case of letters.
  func provider(named name: String) -> Istio.Mesh.MeshConfig.ExtensionProvider? {
    let wanted = name.lowercased()
    return mesh.extensionProviders.first { $0.name.lowercased() == wanted }
  }
}
