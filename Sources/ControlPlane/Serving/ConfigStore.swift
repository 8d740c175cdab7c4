// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import Synchronization

/// The store, with what is to be said of files that are no objects: one task writes, pages read.
final class ConfigStore: Sendable {
  private struct State {
    var store: MeshStore
    var meshProblems: [StoredDiagnostic] = []
    var remoteProblems: [String: [StoredDiagnostic]] = [:]
    var observers: [AsyncStream<Void>.Continuation] = []

    /// Tells observers that something differs.
    func tell(_ change: StoreChange) -> StoreChange {
      if !change.isEmpty { for observer in observers { observer.yield() } }
      return change
    }
  }

  private let state: Mutex<State>

  init(settings: MeshSettings) { state = Mutex(State(store: MeshStore(settings: settings))) }

  /// What the mesh is set to now.
  var settings: MeshSettings { state.withLock { $0.store.currentSettings } }

  /// All objects that are in use, of another cluster or, with nil, of the own.
  func validObjects(ofCluster cluster: String?) -> [ConfigurationObject] {
    state.withLock { state in
      cluster.map(state.store.validObjects(ofCluster:)) ?? state.store.validObjects
    }
  }

  /// The Namespaces of another cluster.
  func namespaces(ofCluster cluster: String) -> [ConfigObject<Kubernetes.Namespace>] {
    state.withLock { $0.store.namespaces(ofCluster: cluster) }
  }

  /// The objects of a kind that are in use, of the namespaces whose objects count.
  func objects(of kind: ResourceKind) -> [ConfigurationObject] {
    state.withLock { state in
      let selected = state.store.selectedNamespaces
      return state.store.validObjects(of: kind).filter { object in
        selected.contains(
          kind == Kubernetes.Namespace.kind ? object.meta.name : object.meta.namespace)
      }
    }
  }

  /// The ServiceEntries that are in use, of the namespaces whose objects count.
  var serviceEntries: [ConfigObject<Istio.ServiceEntry>] {
    objects(of: Istio.ServiceEntry.kind).compactMap { object in
      guard case .serviceEntry(let entry) = object else { return nil }
      return entry
    }
  }

  /// An element whenever what is served may differ; several changes may be one element.
  func observe() -> AsyncStream<Void> {
    let (stream, observer) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    state.withLock { $0.observers.append(observer) }
    return stream
  }

  /// The namespaces whose objects count.
  var selectedNamespaces: NamespaceSelection { state.withLock { $0.store.selectedNamespaces } }

  /// Applies a transaction; the change, and the snapshot after it.
  func apply(
    _ transaction: SourceTransaction, at now: Double
  ) -> (change: StoreChange, snapshot: MeshSnapshot?) {
    state.withLock { ($0.tell($0.store.apply(transaction, at: now)), $0.store.snapshot) }
  }

  /// Takes what became of another cluster's objects.
  func apply(
    _ change: RemoteChange, of cluster: String
  ) -> (change: StoreChange, snapshot: MeshSnapshot?) {
    state.withLock { ($0.tell($0.store.apply(change, of: cluster)), $0.store.snapshot) }
  }

  /// Takes what is to be said of how another cluster is read; what is new of it.
  func set(
    remoteProblems problems: [StoredDiagnostic], of cluster: String, at now: Double
  ) -> [StoredDiagnostic] {
    state.withLock { state in
      let known = state.remoteProblems[cluster] ?? []
      let dated = ConfigStore.dated(problems, as: known, at: now)
      state.remoteProblems[cluster] = dated.isEmpty ? nil : dated
      return dated.filter { problem in !known.contains { $0.message == problem.message } }
    }
  }

  /// Problems, each since when it was said first.
  private static func dated(
    _ new: [StoredDiagnostic], as old: [StoredDiagnostic], at now: Double
  ) -> [StoredDiagnostic] {
    new.map { problem in
      var problem = problem
      problem.since = old.first { $0.message == problem.message }?.since ?? now
      return problem
    }
  }

  /// Takes the mesh's settings as they were read anew; problems replace those of before.
  func apply(
    _ reading: MeshReading, at now: Double
  ) -> (change: StoreChange, snapshot: MeshSnapshot?) {
    state.withLock { state in
      state.meshProblems = ConfigStore.dated(reading.problems, as: state.meshProblems, at: now)
      var settings = state.store.currentSettings
      if let mesh = reading.mesh { settings.mesh = mesh }
      if let networks = reading.networks { settings.networks = networks }
      return (state.tell(state.store.set(settings)), state.store.snapshot)
    }
  }

  /// Takes the roots that workloads are to trust.
  func set(trustBundle: [String]) -> (change: StoreChange, snapshot: MeshSnapshot?) {
    state.withLock { state in
      var settings = state.store.currentSettings
      settings.trustBundle = trustBundle
      return (state.tell(state.store.set(settings)), state.store.snapshot)
    }
  }

  /// Takes what DNS says of names of network gateways.
  func set(
    gatewayAddresses: [String: [String]]
  ) -> (change: StoreChange, snapshot: MeshSnapshot?) {
    state.withLock { ($0.store.set(gatewayAddresses: gatewayAddresses), $0.store.snapshot) }
  }

  /// What there is now, pushed or not; nil before the source has told all.
  var snapshot: MeshSnapshot? { state.withLock { $0.store.snapshot } }

  /// The `metadata.generation` of an object that counts; nil where there is none.
  func countedGeneration(of key: ObjectKey) -> Int64? {
    state.withLock { $0.store.countedObject(key)?.meta.generation }
  }

  /// Which version of an object is served.
  func servedVersion(of key: ObjectKey) -> ServedVersion? {
    state.withLock { $0.store.servedVersion(of: key) }
  }

  /// Where an object is written.
  func origin(of key: ObjectKey) -> ObjectOrigin? { state.withLock { $0.store.origin(of: key) } }

  /// All that is to be said of the configuration.
  var diagnostics: [StoredDiagnostic] {
    state.withLock { state in
      let remote = state.remoteProblems.sorted { $0.key < $1.key }.flatMap(\.value)
      return state.meshProblems + remote + state.store.diagnostics
    }
  }
}
