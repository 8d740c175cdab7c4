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

  /// An assembly that waits for all of `kinds`.
  init(_ kinds: [WatchedKind]) {
    waiting = Set(kinds.filter { $0.purpose != .definitions })
    meshOrder = kinds.filter { $0.purpose == .mesh }
    hasNewMesh = !meshOrder.isEmpty
  }

  /// The kinds that have not told all yet, by name.
  var missing: [String] { waiting.map(\.name).sorted() }

  /// Takes what a reflector of `watch` has to say; whether there is something new to be given.
  mutating func take(_ action: ReflectorAction, of watch: WatchedKind) -> Bool {
    switch action {
    case .change(let change): add(change, of: watch)
    case .synced: waiting.remove(watch)
    case .failing(let reason):
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
    (upserts, removals, hasNewProblems) = ([:], [], false)
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
    problems.sorted { $0.key.name < $1.key.name }.map { watch, reason in
      StoredDiagnostic(
        .warning, key: nil, origin: ObjectOrigin(),
        message: "\(watch.name) cannot be followed at the API server: \(reason)")
    }
  }
}
