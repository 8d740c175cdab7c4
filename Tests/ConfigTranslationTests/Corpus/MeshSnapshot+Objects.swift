// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

extension MeshSnapshot {
  /// The snapshot of a mesh that has these objects.
  convenience init(_ objects: [ConfigurationObject], settings: MeshSettings = MeshSettings()) {
    var tables = DiscoveryTables()
    for object in objects { tables.insert(object) }
    let registry = ServiceRegistry(
      ServiceSources(tables, settings: settings.registrySettings(for: tables)))
    self.init(
      generation: 1, settings: Shared(settings), config: ConfigTables(objects), registry: registry)
  }
}

extension ConfigTables {
  /// The tables of objects of any kind.
  init(_ objects: [ConfigurationObject]) {
    self.init()
    virtualServices = .init(
      objects.compactMap { if case .virtualService(let o) = $0 { o } else { nil } })
    destinationRules = .init(
      objects.compactMap { if case .destinationRule(let o) = $0 { o } else { nil } })
    gateways = .init(objects.compactMap { if case .gateway(let o) = $0 { o } else { nil } })
    sidecars = .init(objects.compactMap { if case .sidecar(let o) = $0 { o } else { nil } })
    envoyFilters = .init(objects.compactMap { if case .envoyFilter(let o) = $0 { o } else { nil } })
    proxyConfigs = .init(objects.compactMap { if case .proxyConfig(let o) = $0 { o } else { nil } })
    authorizationPolicies = .init(
      objects.compactMap { if case .authorizationPolicy(let o) = $0 { o } else { nil } })
    peerAuthentications = .init(
      objects.compactMap { if case .peerAuthentication(let o) = $0 { o } else { nil } })
    requestAuthentications = .init(
      objects.compactMap { if case .requestAuthentication(let o) = $0 { o } else { nil } })
    telemetries = .init(objects.compactMap { if case .telemetry(let o) = $0 { o } else { nil } })
    wasmPlugins = .init(objects.compactMap { if case .wasmPlugin(let o) = $0 { o } else { nil } })
    trafficExtensions = .init(
      objects.compactMap { if case .trafficExtension(let o) = $0 { o } else { nil } })
    secrets = .init(objects.compactMap { if case .secret(let o) = $0 { o } else { nil } })
    configMaps = .init(objects.compactMap { if case .configMap(let o) = $0 { o } else { nil } })
  }
}
