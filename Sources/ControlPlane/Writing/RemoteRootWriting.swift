// SPDX-License-Identifier: Apache-2.0

import ClusterWriters
import Configuration
import HTTPClient
import KubernetesClient
import KubernetesSource
import Lifecycle
import Logging
import MeshModel

/// Writes the root certificate into the namespaces of other clusters that this control plane is for
/// (`EXTERNAL_ISTIOD`).
///
/// As in istiod, a cluster says so by the annotation `topology.istio.io/controlPlaneClusters` of the
/// control plane's namespace there; who of several writes is decided by the lock that is there.
final class RemoteRootWriting: Sendable {
  /// The writing into one cluster.
  private struct Running {
    var number: Int
    var end: AsyncStream<Void>.Continuation
    var changes: AsyncStream<Void>.Continuation
  }

  private let options: ControlPlaneOptions
  private let http: HTTPClient
  private let store: ConfigStore
  private let links: @Sendable () -> [String: RemoteClusters.Link]
  private let roots: @Sendable () -> String
  private let metrics: WriterMetrics
  private let log: Logger
  private let pokes = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

  private static let annotation = "topology.istio.io/controlPlaneClusters"

  /// - Parameters:
  ///   - links: How other clusters are reached.
  ///   - roots: The roots in PEM.
  init(
    _ options: ControlPlaneOptions, http: HTTPClient, store: ConfigStore,
    links: @escaping @Sendable () -> [String: RemoteClusters.Link],
    roots: @escaping @Sendable () -> String, metrics: WriterMetrics, log: Logger
  ) {
    self.options = options
    self.http = http
    self.store = store
    self.links = links
    self.roots = roots
    self.metrics = metrics
    self.log = log
  }

  /// Says that the roots may differ.
  func poke() { pokes.continuation.yield() }

  /// Writes until `shutdown`, and gives back every lock.
  func run(until shutdown: ShutdownSignal) async {
    shutdown.onRequest { self.pokes.continuation.finish() }
    await withDiscardingTaskGroup { group in
      group.addTask { for await _ in self.store.observe() { self.poke() } }
      await withDiscardingTaskGroup { writers in
        var running: [String: Running] = [:]
        for await _ in pokes.stream {
          let wanted = wanted
          for (id, one) in running where wanted[id]?.number != one.number {
            one.end.finish()
            running[id] = nil
          }
          for (id, link) in wanted where running[id] == nil {
            let (end, ending) = AsyncStream.makeStream(of: Void.self)
            let (changes, changing) = AsyncStream.makeStream(
              of: Void.self, bufferingPolicy: .bufferingNewest(1))
            running[id] = Running(number: link.number, end: ending, changes: changing)
            let runner = runner(id, link, changes)
            writers.addTask { await runner.run(until: end) }
          }
          for one in running.values { one.changes.yield() }
        }
        for one in running.values { one.end.finish() }
      }
      group.cancelAll()
    }
  }

  /// The clusters that this control plane is for.
  private var wanted: [String: RemoteClusters.Link] {
    links().filter { id, _ in
      let home = namespaces(of: id).first { $0.meta.name == options.namespace }
      let clusters = home?.meta.annotations[RemoteRootWriting.annotation] ?? ""
      return clusters.split(separator: ",").contains { $0 == "*" || $0 == options.settings.cluster }
    }
  }

  private func namespaces(of cluster: String) -> [ConfigurationObject] {
    store.namespaces(ofCluster: cluster).map(ConfigurationObject.namespace)
  }

  private func runner(
    _ id: String, _ link: RemoteClusters.Link, _ changes: AsyncStream<Void>
  ) -> WriterRunner {
    let client = KubernetesClient(
      link.configuration, http: http,
      budget: RequestBudget(perSecond: options.kubernetesQPS, burst: options.kubernetesBurst))
    let writer = RootCertificateWriter(
      configMap: options.settings.rootConfigMap, cluster: id, client: client,
      watchNamespace: options.watchNamespace, changes: changes
    ) { [self] in
      .init(namespaces: options.rootNamespaces(among: namespaces(of: id)), root: roots())
    }
    return Elections(options, link.configuration, http: http, isRemote: true).runner(
      writer, named: "istio-namespace-controller-election", metrics, log)
  }
}
