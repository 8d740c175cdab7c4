// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import ServiceDiscovery

/// The objects of Istio's kinds in a snapshot, one after the other.
struct ConfigObjectList {
  private let config: ConfigTables
  private let discovery: DiscoveryTables

  init(_ snapshot: MeshSnapshot) {
    config = snapshot.config
    discovery = snapshot.registry.sources.tables
  }

  /// Calls `body` with each object's identity, metadata and spec, kind by kind, the oldest first.
  func forEach(_ body: (ObjectKey, ObjectMeta, JSONValue) -> Void) {
    list(config.virtualServices, body)
    list(config.destinationRules, body)
    list(config.gateways, body)
    list(ConfigTable(Array(discovery.serviceEntries.values)), body)
    list(ConfigTable(Array(discovery.workloadEntries.values)), body)
    list(config.sidecars, body)
    list(config.envoyFilters, body)
    list(config.proxyConfigs, body)
    list(config.authorizationPolicies, body)
    list(config.peerAuthentications, body)
    list(config.requestAuthentications, body)
    list(config.telemetries, body)
    list(config.wasmPlugins, body)
    list(config.trafficExtensions, body)
  }

  private func list<Spec: ConfigSpec>(
    _ table: ConfigTable<Spec>, _ body: (ObjectKey, ObjectMeta, JSONValue) -> Void
  ) {
    for object in table.all {
      let meta = object.meta
      let key = ObjectKey(kind: Spec.kind, namespace: meta.namespace, name: meta.name)
      body(key, meta, object.spec.json)
    }
  }
}
