// SPDX-License-Identifier: Apache-2.0

import Configuration
import ServiceDiscovery

/// What became of the objects of another cluster.
public enum RemoteChange: Hashable, Sendable {
  /// All objects that there are: what was there before and is not among them is gone.
  case all([SourcedObject])
  /// What differs.
  case part(SourceTransaction)
  /// The trust domain of its identities; empty for that of the mesh.
  case trustDomain(String)
  /// The cluster is no longer one of the mesh.
  case gone
}

/// The objects of another cluster of the mesh: of these only services and what is behind them count.
struct RemoteObjects: Sendable {
  private var objects: [ObjectKey: ConfigurationObject] = [:]
  private(set) var tables = DiscoveryTables()
  private var trustDomain = ""
  private var selection = ObjectSelection(revision: "")

  /// What the registry depends on besides these objects.
  func registrySettings(_ settings: MeshSettings, of cluster: String) -> RegistrySettings {
    var registry = settings.registrySettings(for: tables, of: cluster)
    if !trustDomain.isEmpty { registry.trustDomain = trustDomain }
    return registry
  }

  /// The last valid version of every object.
  var validObjects: [ConfigurationObject] { Array(objects.values) }

  /// Takes a change in.
  mutating func apply(
    _ change: RemoteChange, settings: MeshSettings, _ edits: inout StoreEdits
  ) {
    switch change {
    case .gone: for key in objects.keys { set(key, nil, &edits) }
    case .all(let all):
      let present = Set(all.map(\.key))
      for key in objects.keys where !present.contains(key) { set(key, nil, &edits) }
      for sourced in all { upsert(sourced, &edits) }
    case .trustDomain(let domain):
      let own = settings.mesh.trustDomain
      let isNew = (domain.isEmpty ? own : domain) != (trustDomain.isEmpty ? own : trustDomain)
      trustDomain = domain
      // Identities of all that is there differ, in clusters as in endpoints.
      edits.settings = edits.settings || isNew
    case .part(let transaction):
      for key in transaction.removals { set(key, nil, &edits) }
      for sourced in transaction.upserts { upsert(sourced, &edits) }
    }
    reselect(settings, &edits)
  }

  /// Chooses anew which objects count.
  mutating func reselect(_ settings: MeshSettings, _ edits: inout StoreEdits) {
    let namespaces = objects.values.compactMap { object in
      if case .namespace(let namespace) = object { namespace } else { nil }
    }
    let next = ObjectSelection(
      revision: settings.revision,
      namespaces: NamespaceSelection(settings.mesh, among: namespaces))
    guard next != selection else { return }
    selection = next
    tables = DiscoveryTables()
    for object in objects.values where selection.contains(object) { tables.insert(object) }
    edits.registry = true
  }

  private mutating func upsert(_ sourced: SourcedObject, _ edits: inout StoreEdits) {
    // The last valid version serves on.
    if let object = sourced.object { set(sourced.key, object, &edits) }
  }

  private mutating func set(
    _ key: ObjectKey, _ new: ConfigurationObject?, _ edits: inout StoreEdits
  ) {
    let old = objects[key]
    guard new != old else { return }
    objects[key] = new
    if let new, let old, new.isServedLike(old) { return }
    let (before, after) = (old.flatMap(selected), new.flatMap(selected))
    guard before != nil || after != nil else { return }
    edits.note(old: before, new: after)
    if let after { tables.insert(after) } else { tables.remove(key) }
  }

  /// An object, where it counts.
  private func selected(_ object: ConfigurationObject) -> ConfigurationObject? {
    selection.contains(object) ? object : nil
  }
}
