// SPDX-License-Identifier: Apache-2.0

import Configuration
public import KubernetesClient
public import MeshModel
import Synchronization

/// The objects of one API server, as transactions.
public final class KubernetesSource: Sendable {
  /// What is read.
  public struct Settings: Hashable, Sendable {
    /// The only namespace to read (`ISTIO_WATCH_NAMESPACE`); empty for all.
    public var namespace = ""
    /// The namespace that the control plane runs in.
    public var systemNamespace = "istio-system"
    /// The ConfigMaps of the mesh's configuration, in the order in which they are applied.
    public var meshConfigMaps: [String] = []
    /// Whether only services and what is behind them are read, as of another cluster.
    public var readsServicesOnly = false
    /// Whether WorkloadEntries are among these, where they may be read.
    public var readsWorkloadEntries = false

    /// All namespaces, and no ConfigMap.
    public init() {}
  }

  /// One ConfigMap of the mesh's configuration.
  public struct MeshText: Hashable, Sendable {
    /// Its name.
    public var name: String
    /// The entries: `mesh`, `meshNetworks` and others.
    public var entries: [String: String]

    /// A ConfigMap.
    public init(name: String, entries: [String: String]) {
      self.name = name
      self.entries = entries
    }
  }

  /// What is new.
  public struct Delivery: Hashable, Sendable {
    /// The ConfigMaps of the mesh's configuration that there are; nil where they are as before.
    public var mesh: [MeshText]?
    /// What became of objects; nil where nothing did.
    public var transaction: SourceTransaction?
  }

  private let client: KubernetesClient
  private let watches: [WatchedKind]
  private let assembly: Mutex<SourceAssembly>
  private let selection = Mutex(NamespaceSelection())
  private let pokes: [WatchedKind: Poke]
  private let failed: @Sendable () -> Void
  private let reports: AnalysisReports?

  /// The way to tell a running reflector something.
  private typealias Poke = (
    stream: AsyncStream<ReflectorInput>, continuation: AsyncStream<ReflectorInput>.Continuation
  )

  /// A source that does not read yet.
  ///
  /// - Parameters:
  ///   - reports: Told what the status of Istio's objects says of analyses; nil where nobody asks.
  ///   - failed: Called whenever a list or a watch fails that all else waits for, and is to be tried
  ///     again.
  public init(
    client: KubernetesClient, settings: Settings, reports: AnalysisReports? = nil,
    failed: @escaping @Sendable () -> Void = {}
  ) {
    self.client = client
    self.failed = failed
    self.reports = reports
    let configuration: [WatchedKind] =
      settings.readsServicesOnly
      ? WatchedKind.services(
        namespace: settings.namespace, withEntries: settings.readsWorkloadEntries)
      : WatchedKind.configuration(namespace: settings.namespace)
    watches =
      (settings.readsServicesOnly ? [] : [.definitions])
      + settings.meshConfigMaps.map { name in
        var watch = WatchedKind.mesh(name, in: settings.systemNamespace)
        watch.isDispensable = settings.readsServicesOnly
        return watch
      }
      + configuration
    assembly = Mutex(SourceAssembly(watches))
    pokes = Dictionary(
      uniqueKeysWithValues: watches.map { ($0, AsyncStream.makeStream(of: ReflectorInput.self)) })
  }

  /// Reads and keeps objects of these namespaces only; at first those of all.
  ///
  /// Where the selection differs, namespaced kinds are listed again: what is no longer selected is
  /// then gone, and what is selected now is told.
  public func select(_ namespaces: NamespaceSelection) {
    let isNew = selection.withLock { selection in
      defer { selection = namespaces }
      return selection != namespaces
    }
    guard isNew else { return }
    for watch in watches where watch.purpose == .configuration && !watch.kind.isClusterScoped {
      pokes[watch]?.continuation.yield(.relist)
    }
  }

  /// What has not been read to its end yet, by name; empty once all has.
  public var missing: [String] { assembly.withLock { $0.missing } }

  /// Whether all has been told, and nothing fails at present.
  public var isCurrent: Bool { assembly.withLock { $0.missing.isEmpty && !$0.isFailing } }

  /// Whether a snapshot stands in for the API server.
  public var isStandIn: Bool { assembly.withLock { $0.isStandIn } }

  /// Takes a snapshot in the place of what the API server has not told yet; nil where it has.
  ///
  /// - Parameter note: What operators are told until the API server has told all.
  public func takeStandIn(_ snapshot: SourceSnapshot, note: String) -> Delivery? {
    assembly.withLock { $0.giveStandIn(snapshot, note: note) }
  }

  /// Takes what is new since the last time; nil where nothing is.
  ///
  /// The first transaction has all objects of all kinds; those before it only say what fails.
  public func take() -> Delivery? { assembly.withLock { $0.give() } }

  /// Reads until the task is cancelled, and calls `notify` whenever there is something to take.
  ///
  /// To be called once.
  public func run(_ notify: @escaping @Sendable () -> Void) async {
    await withDiscardingTaskGroup { group in
      for watch in watches {
        guard let poke = pokes[watch] else { continue }
        let runner = ReflectorRunner(watch: watch, reader: reader(for: watch), client: client)
        group.addTask {
          await runner.run(pokes: poke.stream) { action in
            if watch.purpose == .definitions { self.tellDefinitions(action) }
            if case .failing = action, !watch.isDispensable { self.failed() }
            if case .change(let change) = action {
              self.reports?.forget(Set(change.removals).subtracting(change.upserts.map(\.key)))
            }
            if case .recovered = action { self.tellServerIsBack() }
            if self.assembly.withLock({ $0.take(action, of: watch) }) { notify() }
          }
        }
      }
    }
  }

  /// Has all kinds try again that wait after an outage, rather than each when its own wait is over.
  private func tellServerIsBack() {
    for poke in pokes.values { poke.continuation.yield(.serverIsBack) }
  }

  private func reader(for watch: WatchedKind) -> ObjectReader {
    var reader = ObjectReader(
      kind: watch.kind, readsContent: watch.purpose != .definitions,
      readsAllConfigMaps: watch.purpose == .mesh)
    if watch.purpose == .configuration {
      reader.isKept = { namespace in self.selection.withLock { $0.contains(namespace) } }
      if watch.kind.group.hasSuffix("istio.io") { reader.reports = reports }
    }
    return reader
  }

  /// Tells the reflectors of kinds that come and go with their definitions.
  private func tellDefinitions(_ action: ReflectorAction) {
    guard case .change(let change) = action else { return }
    let present = Set(change.upserts.map(\.key.name))
    let gone = Set(change.removals.map(\.name))
    for (watch, poke) in pokes where watch.purpose == .configuration {
      let name = "\(watch.kind.plural).\(watch.kind.group)"
      if present.contains(name) {
        poke.continuation.yield(.definition(isPresent: true))
      } else if gone.contains(name) {
        poke.continuation.yield(.definition(isPresent: false))
      }
    }
  }
}
