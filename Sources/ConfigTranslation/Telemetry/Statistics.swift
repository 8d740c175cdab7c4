// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel

/// Which statistics filters a proxy has: those of the mesh's providers of metrics.
struct StatisticsSettings: Hashable, Sendable {
  /// How many Prometheus providers there are; each has a filter.
  var filterCount = 0

  /// The filters for HTTP.
  func httpFilters(for trafficClass: TrafficClass, in arena: Arena) -> [Envoy.HttpFilter] {
    (0..<filterCount).map { _ in .typed(arena, "istio.stats", config(trafficClass, in: arena)) }
  }

  /// The filters for connections.
  func networkFilters(for trafficClass: TrafficClass, in arena: Arena) -> [Envoy.NetworkFilter] {
    (0..<filterCount).map { _ in .typed(arena, "istio.stats", config(trafficClass, in: arena)) }
  }

  private func config(_ trafficClass: TrafficClass, in arena: Arena) -> Envoy.IstioStats {
    // A client's Host header says which service it wants only where the proxy is on its side.
    Envoy.IstioStats(arena) { $0.disableHostHeaderFallback = trafficClass != .sidecarOutbound }
  }
}

extension ProxyContext {
  /// The statistics that the mesh asks for, as far as the proxy can keep them.
  func statisticsSettings() -> StatisticsSettings {
    guard node.hasIstioFilter("istio.stats") else { return StatisticsSettings() }
    let names = Set(settings.mesh.defaultProviders?.metrics ?? [])
    let providers = names.filter { name in
      guard case .prometheus? = settings.provider(named: name)?.provider else { return false }
      return true
    }
    return StatisticsSettings(filterCount: providers.count)
  }
}

extension MeshSettings {
  /// The extension provider of a name, in any case of letters.
  func provider(named name: String) -> Istio.Mesh.MeshConfig.ExtensionProvider? {
    let wanted = name.lowercased()
    return mesh.extensionProviders.first { $0.name.lowercased() == wanted }
  }
}
