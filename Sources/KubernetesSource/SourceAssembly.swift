// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel

/// What all reflectors told and nobody has taken yet: a value without IO.
///
/// Nothing is given before all kinds have told all that there is; then it is one transaction.
/// Changes that nobody has taken yet become one.
struct SourceAssembly: Sendable {
  private var waiting: Set<WatchedKind>
  private var upserts: [ObjectKey: SourcedObject] = [:]
  private var removals: Set<ObjectKey> = []
  private var problems: [WatchedKind: String] = [:]
  private var meshes: [WatchedKind: [String: String]] = [:]
  private let meshOrder: [WatchedKind]
  private var hasNewProblems = false
  private var hasNewMesh = false
  private var hasGivenAll = false
  /// The objects of the snapshot that stands in for the API server.
  private var standIn: Set<ObjectKey>?
  private var standInNote = ""

  /// An assembly that waits for all of `kinds`.
  init(_ kinds: [WatchedKind]) {
    waiting = Set(kinds.filter { $0.purpose != .definitions })
    meshOrder = kinds.filter { $0.purpose == .mesh }
    hasNewMesh = !meshOrder.isEmpty
  }

  /// Whether anything fails at present.
  var isFailing: Bool { problems.keys.contains { !$0.isDispensable } }

  /// The kinds that have not told all yet, by name.
  var missing: [String] { waiting.map(\.name).sorted() }

  /// Takes what a reflector of `watch` has to say; whether there is something new to be given.
  mutating func take(_ action: ReflectorAction, of watch: WatchedKind) -> Bool {
    switch action {
    case .change(let change): add(change, of: watch)
    case .synced: waiting.remove(watch)
    case .failing(let reason):
      if watch.isDispensable { waiting.remove(watch) }
      guard problems.updateValue(reason, forKey: watch) != reason else { return false }
      hasNewProblems = true
    case .recovered:
      guard problems.removeValue(forKey: watch) != nil else { return false }
      hasNewProblems = true
    case .cancel, .request: return false
    }
    return true
  }

  private mutating func add(_ change: ReflectorChange, of watch: WatchedKind) {
    switch watch.purpose {
    case .definitions: break
    case .mesh:
      hasNewMesh = true
      if !change.removals.isEmpty { meshes[watch] = nil }
      for case .configMap(let map)? in change.upserts.map(\.object) {
        meshes[watch] = map.spec.data
      }
    case .configuration:
      for key in change.removals {
        upserts[key] = nil
        removals.insert(key)
      }
      for object in change.upserts { upserts[object.key] = object }
    }
  }

  /// Gives what is new; nil where nothing is.
  mutating func give() -> KubernetesSource.Delivery? {
    guard waiting.isEmpty else { return giveProblems() }
    let isFirst = !hasGivenAll
    hasGivenAll = true
    var delivery = KubernetesSource.Delivery()
    if hasNewMesh {
      delivery.mesh = meshOrder.compactMap { watch in
        meshes[watch].map { KubernetesSource.MeshText(name: watch.objectName, entries: $0) }
      }
    }
    hasNewMesh = false
    guard isFirst || hasNewProblems || !upserts.isEmpty || !removals.isEmpty else {
      return delivery.mesh == nil ? nil : delivery
    }
    delivery.transaction = SourceTransaction(
      upserts: upserts.values.sorted { $0.key.description < $1.key.description },
      removals: removals.sorted { $0.description < $1.description }, problems: diagnostics)
    if let standIn {
      // What is given now is all there is: what only the snapshot had is gone.
      let gone = standIn.subtracting(upserts.keys)
      delivery.transaction?.removals = gone.sorted { $0.description < $1.description }
      self.standIn = nil
      delivery.transaction?.problems = diagnostics
    }
    (upserts, removals, hasNewProblems) = ([:], [], false)
    return delivery
  }

  /// Whether a snapshot stands in for the API server.
  var isStandIn: Bool { standIn != nil }

  /// Gives a snapshot in the place of what the API server has not told; nil where it has.
  ///
  /// - Parameter note: What operators are told until the API server has told all.
  mutating func giveStandIn(
    _ snapshot: SourceSnapshot, note: String
  ) -> KubernetesSource.Delivery? {
    guard !waiting.isEmpty, standIn == nil else { return nil }
    standIn = Set(snapshot.objects.map(\.key))
    standInNote = note
    hasNewMesh = true
    hasNewProblems = false
    var delivery = KubernetesSource.Delivery()
    delivery.mesh = snapshot.mesh
    delivery.transaction = SourceTransaction(
      upserts: snapshot.objects.map { SourcedObject(key: $0.key, object: $0) },
      problems: diagnostics)
    return delivery
  }

  /// While not all is told only what keeps it from being so is given.
  private mutating func giveProblems() -> KubernetesSource.Delivery? {
    guard hasNewProblems else { return nil }
    hasNewProblems = false
    var delivery = KubernetesSource.Delivery()
    delivery.transaction = SourceTransaction(problems: diagnostics, isSynced: false)
    return delivery
  }

  private var diagnostics: [StoredDiagnostic] {
    let note = StoredDiagnostic(.warning, key: nil, origin: ObjectOrigin(), message: standInNote)
    return (standIn == nil ? [] : [note]) + failures
  }

  private var failures: [StoredDiagnostic] {
    problems.sorted { $0.key.name < $1.key.name }.map { watch, reason in
      StoredDiagnostic(
        .warning, key: nil, origin: ObjectOrigin(),
        message: "\(watch.name) cannot be followed at the API server: \(reason)")
    }
  }
}
