// SPDX-License-Identifier: Apache-2.0

public import Configuration
import ServiceDiscovery

/// All objects, and the snapshot that is made of them: one writer's value.
///
/// An equal upsert is no change. An object that cannot be used is kept as what is to be said of it,
/// beside its last valid version, which serves on.
public struct MeshStore: Sendable {
  /// What is served; nil before the source has synced.
  public private(set) var snapshot: MeshSnapshot?
  private var settings: Shared<MeshSettings>
  private var objects = ObjectTable()
  private var discovery = DiscoveryTables()
  private var remotes: [String: RemoteObjects] = [:]
  private var config = ConfigTables()
  private var problems: [StoredDiagnostic] = []
  private var gatewayAddresses: [String: [String]] = [:]
  private var isSynced = false
  private var generation: UInt64 = 0
  private var selection: ObjectSelection

  /// An empty store of a mesh that is set to `settings`.
  public init(settings: MeshSettings) {
    self.settings = Shared(settings)
    selection = ObjectSelection(revision: settings.revision)
    reselect()
  }

  /// Applies a transaction at `now`, in seconds since 1970.
  ///
  /// Returns what of the snapshot changed; empty where nothing did or nothing is synced yet.
  public mutating func apply(_ transaction: SourceTransaction, at now: Double) -> StoreChange {
    var edits = StoreEdits()
    for key in transaction.removals { remove(key, &edits) }
    for object in transaction.upserts { upsert(object, at: now, &edits) }
    problems = MeshStore.dated(transaction.problems, as: problems, at: now)
    isSynced = isSynced || transaction.isSynced
    if edits.namespaces && reselect() { edits.settings = true }
    return publish(edits)
  }

  /// Takes what became of the objects of another cluster of the mesh.
  public mutating func apply(_ change: RemoteChange, of cluster: String) -> StoreChange {
    var edits = StoreEdits()
    var remote = remotes[cluster] ?? RemoteObjects()
    remote.apply(change, settings: settings.value, &edits)
    remotes[cluster] = change == .gone ? nil : remote
    return publish(edits)
  }

  /// Sets the mesh differently.
  public mutating func set(_ settings: MeshSettings) -> StoreChange {
    guard settings != self.settings.value else { return StoreChange() }
    self.settings = Shared(settings)
    reselect()
    var edits = StoreEdits()
    edits.settings = true
    for cluster in remotes.keys { remotes[cluster]?.reselect(settings, &edits) }
    return publish(edits)
  }

  /// Takes what DNS says of names of network gateways: addresses by name.
  ///
  /// Only endpoints can differ by that: those in networks whose gateways differ, and all where
  /// weights are scaled differently.
  public mutating func set(gatewayAddresses addresses: [String: [String]]) -> StoreChange {
    guard addresses != gatewayAddresses else { return StoreChange() }
    gatewayAddresses = addresses
    var change = StoreChange()
    guard let previous = snapshot else { return change }
    let next = MeshSnapshot(previous, registry: previous.registry, addresses: addresses)
    let difference = GatewayDifference(previous.networkGateways, next.networkGateways)
    change.endpoints = difference.services(of: next.registry)
    change.removesEndpoints = difference.removes
    guard !change.endpoints.isEmpty else { return StoreChange() }
    generation += 1
    snapshot = next
    return change
  }

  /// What the mesh is set to.
  public var currentSettings: MeshSettings { settings.value }

  // MARK: Edits

  private mutating func remove(_ key: ObjectKey, _ edits: inout StoreEdits) {
    guard let entry = objects[key] else { return }
    objects[key] = nil
    guard let old = entry.object, selection.namespaces.contains(old.meta.namespace) else { return }
    edits.note(old: old, new: nil)
    discovery.remove(key)
  }

  private mutating func upsert(
    _ sourced: SourcedObject, at now: Double, _ edits: inout StoreEdits
  ) {
    let known = objects[sourced.key]
    var entry = ObjectEntry(
      object: known?.object, origin: sourced.origin,
      generation: known?.generation ?? 0, snapshot: known?.snapshot ?? 0,
      diagnostics: MeshStore.dated(sourced.diagnostics, as: known?.diagnostics ?? [], at: now))
    defer { objects[sourced.key] = entry }
    guard let new = sourced.object, new != known?.object else { return }
    entry.object = new
    // What is served says the same: the tables take the new words at their next change.
    if let old = known?.object, new.isServedLike(old) { return }
    entry.generation += 1
    entry.snapshot = generation + 1
    guard selection.namespaces.contains(new.meta.namespace) else { return }
    edits.note(old: known?.object, new: new)
    discover(new)
  }

  private mutating func discover(_ object: ConfigurationObject) {
    if selection.contains(object) { discovery.insert(object) } else { discovery.remove(object.key) }
  }

  /// Chooses anew which objects count; false where nothing differs.
  @discardableResult
  private mutating func reselect() -> Bool {
    let next = ObjectSelection(
      revision: settings.value.revision,
      namespaces: NamespaceSelection(settings.value.mesh, among: discovery.namespaces.values))
    guard next != selection else { return false }
    selection = next
    for (_, entry) in objects.entries {
      if let object = entry.object { discover(object) }
    }
    return true
  }

  /// The diagnostics, each since when it was said first.
  private static func dated(
    _ new: [StoredDiagnostic], as old: [StoredDiagnostic], at now: Double
  ) -> [StoredDiagnostic] {
    new.map { diagnostic in
      var diagnostic = diagnostic
      diagnostic.since = old.first { $0.saysTheSame(as: diagnostic) }?.since ?? now
      return diagnostic
    }
  }

  // MARK: Snapshots

  private mutating func publish(_ edits: StoreEdits) -> StoreChange {
    // Until all is known, edits only gather: the first snapshot reads every table.
    guard isSynced else { return StoreChange() }
    guard let previous = snapshot else { return publishFirst(edits) }
    guard !edits.isEmpty else { return StoreChange() }
    var change = StoreChange()
    (change.keys, change.events) = (edits.keys, edits.events)
    change.isEverything = edits.settings
    refreshTables(edits.settings ? ConfigTables.kinds : edits.kinds)
    let registry = registry(after: previous.registry, edits)
    let hasOtherServices = registry.map { $0.touched == nil } ?? false
    change.configuration = edits.configuration || hasOtherServices || edits.settings
    if let registry {
      change.workloads = registry.workloads
      let lost = EndpointDifference(previous.registry, registry.registry, of: registry.touched)
      change.endpoints = lost.changed
      change.removesEndpoints = lost.removes
      change.configuration = change.configuration || lost.concernsListeners
    }
    guard !change.isEmpty else { return StoreChange() }
    generation += 1
    let next = registry?.registry ?? previous.registry
    let onlyEndpoints = edits.kinds.isEmpty && !hasOtherServices && !edits.settings
    snapshot =
      onlyEndpoints
      ? MeshSnapshot(previous, registry: next, addresses: gatewayAddresses)
      : MeshSnapshot(
        generation: generation, settings: settings, config: config, registry: next,
        addresses: gatewayAddresses, previous: previous)
    return change
  }

  private mutating func publishFirst(_ edits: StoreEdits) -> StoreChange {
    refreshTables(ConfigTables.kinds)
    generation += 1
    snapshot = MeshSnapshot(
      generation: generation, settings: settings, config: config,
      registry: ServiceRegistry(sources(previous: nil)), addresses: gatewayAddresses)
    var change = StoreChange()
    (change.keys, change.events) = (edits.keys, edits.events)
    change.isEverything = true
    change.configuration = true
    return change
  }

  /// The registry after edits.
  private struct NextRegistry {
    var registry: ServiceRegistry
    /// The services whose endpoints were made anew; nil where services themselves may differ.
    var touched: Set<ServiceKey>?
    /// Where workloads stand of which a ServiceEntry says something else.
    var workloads: Set<String> = []
  }

  /// The registry after edits; nil where the edits do not touch it.
  private func registry(after previous: ServiceRegistry, _ edits: StoreEdits) -> NextRegistry? {
    if edits.registry || edits.settings { return rebuilt(after: previous) }
    guard !edits.slices.isEmpty || !edits.podNamespaces.isEmpty || !edits.serviceEntries.isEmpty
    else { return nil }
    let domain = settings.value.clusterDomain
    var touched: Set<ServiceKey> = []
    for slice in edits.slices {
      let host = Hostname(valid: "\(slice.name).\(slice.namespace).svc.\(domain)")
      touched.insert(ServiceKey(host, namespace: slice.namespace))
    }
    for namespace in edits.podNamespaces {
      touched.formUnion(previous.services(namespace: namespace).map(\.key))
    }
    let sources = sources(previous: previous)
    var workloads: Set<String> = []
    for entry in edits.serviceEntries {
      guard let change = sources.endpointChange(of: entry, since: previous.sources) else {
        return rebuilt(after: previous)
      }
      touched.formUnion(change.services)
      workloads.formUnion(change.addresses)
    }
    return NextRegistry(
      registry: previous.rebuildingEndpoints(of: touched, from: sources), touched: touched,
      workloads: workloads)
  }

  private func rebuilt(after previous: ServiceRegistry) -> NextRegistry {
    NextRegistry(registry: ServiceRegistry(sources(previous: previous), previous: previous))
  }

  private func sources(previous: ServiceRegistry?) -> ServiceSources {
    let registry = settings.value.registrySettings(for: discovery)
    let others = remotes.sorted { $0.key < $1.key }.map { cluster, objects in
      ServiceSources(
        objects.tables,
        settings: objects.registrySettings(settings.value, of: cluster),
        previous: previous?.sources.remotes.first { $0.settings.cluster == cluster })
    }
    return ServiceSources(
      discovery, settings: registry, remotes: others, previous: previous?.sources)
  }

  private mutating func refreshTables(_ kinds: Set<ResourceKind>) {
    let selected = SelectedObjects(objects: objects, selection: selection)
    for kind in kinds { config.refresh(kind, from: selected) }
  }
}

extension MeshStore {
  /// The namespaces whose objects count: what a source may leave out is the rest.
  public var selectedNamespaces: NamespaceSelection { selection.namespaces }

  /// The last valid version of every object.
  public var validObjects: [ConfigurationObject] { objects.entries.compactMap(\.value.object) }

  /// The last valid version of every object of another cluster.
  public func validObjects(ofCluster cluster: String) -> [ConfigurationObject] {
    remotes[cluster]?.validObjects ?? []
  }

  /// The Namespaces of another cluster.
  public func namespaces(ofCluster cluster: String) -> [ConfigObject<Kubernetes.Namespace>] {
    remotes[cluster].map { Array($0.tables.namespaces.values) } ?? []
  }

  /// The last valid version of every object of a kind.
  public func validObjects(of kind: ResourceKind) -> [ConfigurationObject] {
    objects.entries(of: kind).compactMap(\.object)
  }

  /// The last valid version of an object, where it is one of those that count; nil where it is not.
  public func countedObject(_ key: ObjectKey) -> ConfigurationObject? {
    objects[key]?.object.flatMap { selection.contains($0) ? $0 : nil }
  }

  /// How many valid objects of a kind there are.
  public func count(of kind: ResourceKind) -> Int { objects.count(of: kind) }

  /// How many valid versions of an object were read in this process; nil where there is none.
  public func generation(of key: ObjectKey) -> UInt64? { objects[key]?.generation }

  /// Where an object is written; nil where there is none.
  public func origin(of key: ObjectKey) -> ObjectOrigin? { objects[key]?.origin }

  /// Which version of an object is served, and since which snapshot; nil where none is.
  public func servedVersion(of key: ObjectKey) -> ServedVersion? {
    guard let entry = objects[key], let object = entry.object, isSynced else { return nil }
    let written = UInt64(clamping: object.meta.generation)
    // A version that changes nothing makes no snapshot.
    return ServedVersion(
      generation: written > 0 ? written : entry.generation,
      snapshot: min(max(1, entry.snapshot), generation))
  }

  /// All that is to be said, by file and line, then by object.
  public var diagnostics: [StoredDiagnostic] {
    var all = problems
    all += NotYetTranslated.notes(on: settings.value.mesh).map { note in
      StoredDiagnostic(
        .noEffect, key: nil, origin: ObjectOrigin(file: "MeshConfig"), field: note.field,
        message: note.message)
    }
    for (key, entry) in objects.entries {
      all += entry.diagnostics
      guard let object = entry.object else { continue }
      all += NotYetTranslated.notes(on: object).map { note in
        StoredDiagnostic(
          .noEffect, key: key, origin: entry.origin, field: note.field, message: note.message)
      }
    }
    return all.sorted { left, right in
      let (mine, theirs) = (left.origin, right.origin)
      if mine.file != theirs.file { return mine.file < theirs.file }
      if mine.line != theirs.line { return mine.line < theirs.line }
      return left.description < right.description
    }
  }
}
