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

    /// All namespaces, and no ConfigMap.
    public init() {}
  }

  /// One ConfigMap of the mesh's configuration.
  public struct MeshText: Hashable, Sendable {
    /// Its name.
    public var name: String
    /// The entries: `mesh`, `meshNetworks` and others.
    public var entries: [String: String]
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

  /// A source that does not read yet.
  public init(client: KubernetesClient, settings: Settings) {
    self.client = client
    watches =
      [.definitions]
      + settings.meshConfigMaps.map { .mesh($0, in: settings.systemNamespace) }
      + WatchedKind.configuration(namespace: settings.namespace)
    assembly = Mutex(SourceAssembly(watches))
  }

  /// What has not been read to its end yet, by name; empty once all has.
  public var missing: [String] { assembly.withLock { $0.missing } }

  /// Takes what is new since the last time; nil where nothing is.
  ///
  /// The first transaction has all objects of all kinds; those before it only say what fails.
  public func take() -> Delivery? { assembly.withLock { $0.give() } }

  /// Reads until the task is cancelled, and calls `notify` whenever there is something to take.
  public func run(_ notify: @escaping @Sendable () -> Void) async {
    let pokes = watches.map { _ in AsyncStream.makeStream(of: ReflectorInput.self) }
    let senders = Dictionary(uniqueKeysWithValues: zip(watches, pokes.map(\.continuation)))
    await withDiscardingTaskGroup { group in
      for (watch, poke) in zip(watches, pokes) {
        let runner = ReflectorRunner(
          watch: watch,
          reader: ObjectReader(
            kind: watch.kind, readsContent: watch.purpose != .definitions,
            readsAllConfigMaps: watch.purpose == .mesh),
          client: client)
        group.addTask {
          await runner.run(pokes: poke.stream) { action in
            if watch.purpose == .definitions { self.tell(action, to: senders) }
            if self.assembly.withLock({ $0.take(action, of: watch) }) { notify() }
          }
        }
      }
    }
  }

  /// Tells the reflectors of kinds that come and go with their definitions.
  private func tell(
    _ action: ReflectorAction, to senders: [WatchedKind: AsyncStream<ReflectorInput>.Continuation]
  ) {
    guard case .change(let change) = action else { return }
    let present = Set(change.upserts.map(\.key.name))
    let gone = Set(change.removals.map(\.name))
    for (watch, sender) in senders where watch.purpose == .configuration {
      let name = "\(watch.kind.plural).\(watch.kind.group)"
      if present.contains(name) {
        sender.yield(.definition(isPresent: true))
      } else if gone.contains(name) {
        sender.yield(.definition(isPresent: false))
      }
    }
  }
}
