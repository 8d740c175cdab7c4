// SPDX-License-Identifier: Apache-2.0

import Configuration
import Flags
import KubernetesClient
import KubernetesSource
import Logging
import MeshModel
import Metrics
import StateDirectory
import Synchronization

/// A cluster's API server; with the mesh's files, where there are any.
///
/// As in istiod, a file that is there at the start counts instead of the ConfigMap `istio`, and the
/// ConfigMap of `SHARED_MESH_CONFIG` lies beneath either.
final class ClusterSource: ConfigurationSource {
  /// Of which clusters something was given.
  private struct Given {
    var own = false
    var others: Set<String> = []
    var gone: Set<String> = []

    mutating func form(_ other: Given) {
      own = own || other.own
      others = others.subtracting(other.gone).union(other.others)
      gone = gone.union(other.gone).subtracting(other.others)
    }
  }

  private struct State {
    var files: MeshFiles
    var filesChanged = false
    var common: [String: String]?
    var own: [String: String]?
    var mesh: [KubernetesSource.MeshText] = []
    var remoteMeshes: [String: [KubernetesSource.MeshText]] = [:]
    var wantsStandIn = false
    /// Whether what the API server told was given: from then on no other cluster is waited for.
    var hasBegun = false
    /// What was given and has been taken in by the time of the next question.
    var given = Given()
    /// What differs since the snapshots were written.
    var changed = Given()
  }

  private let source: KubernetesSource
  private let remotes: RemoteClusters
  private let ownName: String
  private let sharedName: String
  private let hasMeshFile: Bool
  private let hasNetworksFile: Bool
  private let state: Mutex<State>
  private let server: String
  private let keeper: SnapshotKeeper?
  private let changes = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

  /// A source that does not read yet; the mesh's files were read once already.
  ///
  /// - Parameters:
  ///   - objects: All objects in use, of another cluster or, with nil, of the own, for snapshots.
  init(
    _ options: ControlPlaneOptions, _ connection: ClusterConnection, meshFiles: MeshFiles,
    log: Logger,
    metrics: SourceMetrics,
    objects: @escaping @Sendable (_ cluster: String?) -> [ConfigurationObject]
  ) throws {
    server = connection.configuration.server
    keeper = try options.identity.stateDirectory.map {
      try SnapshotKeeper(
        StateDirectory($0), server: connection.configuration.server, objects: objects, log: log)
    }
    hasMeshFile = meshFiles.mesh != nil
    hasNetworksFile = meshFiles.networks != nil
    let revision = options.settings.revision
    ownName = revision == "default" ? "istio" : "istio-\(revision)"
    sharedName = options.sharedMeshConfig
    var settings = KubernetesSource.Settings()
    settings.namespace = options.watchNamespace
    settings.systemNamespace = options.namespace
    if !sharedName.isEmpty { settings.meshConfigMaps.append(sharedName) }
    if !(hasMeshFile && hasNetworksFile), ownName != sharedName {
      settings.meshConfigMaps.append(ownName)
    }
    source = KubernetesSource(
      client: connection.client, settings: settings, reports: connection.reports,
      failed: { metrics.syncErrors.increment([options.settings.cluster]) })
    var others = RemoteClusters.Settings(options)
    others.happened = metrics.count
    if let keeper { others.snapshot = keeper.snapshot(of:) }
    remotes = RemoteClusters(
      client: connection.client, http: connection.http, settings: others
    ) { log.error($0) }
    state = Mutex(State(files: meshFiles))
  }

  var missing: [String] { source.missing + remotes.missing }

  var remoteClusters: [RemoteClusters.Entry] { remotes.entries }
  var remoteLinks: [String: RemoteClusters.Link] { remotes.links }

  func client(ofRemote id: String) -> KubernetesClient? { remotes.client(of: id) }

  var standInAge: Double? {
    guard source.isStandIn, let snapshot = keeper?.found else { return nil }
    return WallClock.now() - Double(snapshot.time)
  }

  func select(_ namespaces: NamespaceSelection) { source.select(namespaces) }

  func start() throws {}

  func run(_ notify: @escaping @Sendable () -> Void) async {
    await withDiscardingTaskGroup { group in
      group.addTask { await self.source.run(notify) }
      group.addTask { await self.remotes.run(notify) }
      if keeper?.found != nil {
        group.addTask {
          guard (try? await ContinuousClock().sleep(for: RemoteClusters.snapshotPatience)) != nil
          else {
            return
          }
          self.state.withLock { $0.wantsStandIn = true }
          notify()
        }
      }
      if let keeper {
        group.addTask {
          for await _ in self.changes.stream {
            self.keep(keeper)
            try? await ContinuousClock().sleep(for: SnapshotKeeper.pause)
          }
          self.keep(keeper)
        }
      }
      guard hasMeshFile || hasNetworksFile else { return }
      group.addTask {
        while (try? await ContinuousClock().sleep(for: .seconds(1))) != nil {
          let isNew = self.state.withLock { state in
            let isNew = state.files.refresh()
            state.filesChanged = state.filesChanged || isNew
            return isNew
          }
          if isNew { notify() }
        }
      }
    }
  }

  /// Writes the snapshots of clusters of which something differs, unless what is held of one may be
  /// out of date.
  private func keep(_ keeper: SnapshotKeeper) {
    let changed = state.withLock { state in
      defer { state.changed = Given() }
      return state.changed
    }
    var late = Given()
    for cluster in changed.gone { keeper.forget(cluster: cluster) }
    for cluster in changed.others {
      if remotes.isCurrent(cluster) {
        keeper.write(cluster: cluster, mesh: state.withLock { $0.remoteMeshes[cluster] ?? [] })
      } else {
        late.others.insert(cluster)
      }
    }
    late.own = changed.own && !source.isCurrent
    if changed.own, !late.own { keeper.write(mesh: state.withLock { $0.mesh }) }
    state.withLock { state in
      late.form(state.changed)
      state.changed = late
    }
  }

  private func takeNext() -> KubernetesSource.Delivery? {
    let wants = state.withLock { state in
      defer { state.wantsStandIn = false }
      return state.wantsStandIn
    }
    if wants, let snapshot = keeper?.found {
      let note =
        "the API server \(server) has not told all yet: what is served was true at "
        + Timestamp.text(snapshot.time)
      if let delivery = source.takeStandIn(snapshot, note: note) {
        remotes.takeStandIn(snapshot.objects)
        return delivery
      }
    }
    // What is served at the start has the endpoints of all clusters that answer in time.
    guard state.withLock({ $0.hasBegun }) || !source.missing.isEmpty || remotes.isComplete else {
      return nil
    }
    let delivery = source.take()
    if delivery?.transaction?.isSynced == true { state.withLock { $0.hasBegun = true } }
    return delivery
  }

  /// Who takes has taken in what was given the last time: it may be kept.
  private func noteTaken() {
    let isNew = state.withLock { state in
      let given = state.given
      state.changed.form(given)
      state.given = Given()
      return given.own || !given.others.isEmpty || !given.gone.isEmpty
    }
    if isNew { changes.continuation.yield() }
  }

  func take() -> SourceDelivery? {
    noteTaken()
    var others = remotes.take()
    let delivery = takeNext()
    // What stands in for the own cluster comes with what stands in for others.
    if source.isStandIn, delivery != nil { others += remotes.take() }
    return state.withLock { state in
      state.given.own = delivery != nil
      for other in others where other.change != nil || other.mesh != nil {
        if let mesh = other.mesh { state.remoteMeshes[other.cluster] = mesh }
        if other.change == .gone {
          state.given.gone.insert(other.cluster)
          state.remoteMeshes[other.cluster] = nil
        } else {
          state.given.others.insert(other.cluster)
        }
      }
      if let maps = delivery?.mesh {
        state.mesh = maps
        state.common = maps.first { $0.name == sharedName }?.entries
        state.own = maps.first { $0.name == ownName }?.entries
      }
      let isNew = delivery?.mesh != nil || state.filesChanged
      state.filesChanged = false
      guard isNew || delivery != nil || !others.isEmpty else { return nil }
      return SourceDelivery(
        mesh: isNew ? reading(state) : nil, transaction: delivery?.transaction, remotes: others)
    }
  }

  private func reading(_ state: State) -> MeshReading {
    MeshReading(
      mesh: texts("mesh", state, hasMeshFile ? state.files.mesh : nil),
      networks: texts("meshNetworks", state, hasNetworksFile ? state.files.networks : nil))
  }

  private func texts(_ entry: String, _ state: State, _ file: MeshText?) -> [MeshText] {
    let common = ClusterSource.text(entry, of: state.common, sharedName)
    let own = file ?? ClusterSource.text(entry, of: state.own, ownName)
    return [common, own].compactMap { $0 }
  }

  private static func text(
    _ entry: String, of map: [String: String]?, _ name: String
  ) -> MeshText? {
    map?[entry].map { MeshText(origin: "ConfigMap \(name), \(entry)", bytes: Array($0.utf8)) }
  }
}

extension RemoteClusters.Settings {
  /// What the options say of other clusters.
  fileprivate init(_ options: ControlPlaneOptions) {
    self.init()
    ownCluster = options.settings.cluster
    namespace = options.remoteSecretsNamespace
    systemNamespace = options.namespace
    let revision = options.settings.revision
    meshConfigMap = revision == "default" ? "istio" : "istio-\(revision)"
    watchNamespace = options.watchNamespace
    let features = options.settings.features
    if let text = features["PILOT_REMOTE_CLUSTER_TIMEOUT"], let time = GoDuration.parse(text) {
      patience = time
    }
    readsWorkloadEntries =
      options.settings.feature("PILOT_ENABLE_CROSS_CLUSTER_WORKLOAD_ENTRY", default: true)
      && options.settings.feature("PILOT_ENABLE_K8S_SELECT_WORKLOAD_ENTRIES", default: true)
    let allowed = features["PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS"] ?? ""
    allowedOptions = Set(allowed.split(separator: ",").map(String.init))
    budget = RequestBudget(perSecond: options.kubernetesQPS, burst: options.kubernetesBurst)
  }
}

extension SourceMetrics {
  /// Counts what happens with other clusters.
  fileprivate func count(_ happening: RemoteClusters.Happening) {
    switch happening {
    case .failed(let cluster): syncErrors.increment([cluster])
    case .late(let cluster): remoteSyncTimeouts.increment([cluster])
    case .secret(let event): remoteSecretEvents.increment([event])
    }
  }
}
