// SPDX-License-Identifier: Apache-2.0

import CertificateAuthority
import ClusterWriters
import Configuration
import Cryptography
import JSON
import KubernetesClient
import LeaderElection
import Lifecycle
import Logging
import MeshModel
import Metrics

/// What this replica writes into the cluster, where it leads.
final class ClusterWriting: Service {
  private let runners: [WriterRunner]
  private let store: ConfigStore
  private let roots: @Sendable () -> String
  private let rootChanges: AsyncStream<Void>.Continuation
  private let remote: RemoteRootWriting?

  /// - Parameter authority: What issues certificates, whose roots namespaces get; nil where the
  ///   control plane issues none, and they get none.
  init(
    _ options: ControlPlaneOptions, _ connection: ClusterConnection, store: ConfigStore,
    source: any ConfigurationSource, authority: CertificateAuthority?, findings: FindingsReader,
    registry: MetricsRegistry, logs: LogSystem
  ) {
    self.store = store
    let roots = { @Sendable in authority?.current?.roots.map(\.pem).joined() ?? "" }
    self.roots = roots
    let (changes, rootChanges) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    self.rootChanges = rootChanges
    let metrics = WriterMetrics(registry)
    let settings = options.settings
    let client = connection.client
    let elections = Elections(options, connection.configuration, http: connection.http)
    var writing: [(writer: any ClusterWriter, election: String, log: String)] = []
    if authority != nil {
      let writer = RootCertificateWriter(
        configMap: settings.rootConfigMap, client: client,
        watchNamespace: options.watchNamespace, changes: changes
      ) { .init(namespaces: ClusterWriting.namespaces(store, options), root: roots()) }
      writing.append((writer, "istio-namespace-controller-election", "controllers"))
    }
    if settings.readsAllocatedAddresses {
      let writer = EntryAddressWriter(
        client: client, ranges: settings.allocationRanges, changes: store.observe()
      ) { store.serviceEntries }
      writing.append((writer, "istio-ip-autoallocate", "ip-autoallocate"))
    }
    if let reports = connection.reports {
      let analysis = AnalysisFindings(store, findings, log: logs.scope())
      let writer = AnalysisWriter(
        client: client, reports: reports, interval: settings.analysisInterval,
        changes: store.observe(), findings: analysis.read)
      writing.append((writer, "istio-analyze-leader", "status"))
    }
    runners = writing.map {
      elections.runner($0.writer, named: $0.election, metrics, logs.scope($0.log))
    }
    remote =
      authority != nil && settings.feature("EXTERNAL_ISTIOD", default: false)
      ? RemoteRootWriting(
        options, http: connection.http, store: store, links: { source.remoteLinks }, roots: roots,
        metrics: metrics, log: logs.scope("controllers")) : nil
  }

  func run(until shutdown: ShutdownSignal) async throws {
    let ends = runners.map { _ in AsyncStream.makeStream(of: Void.self) }
    shutdown.onRequest { for end in ends { end.continuation.finish() } }
    await withDiscardingTaskGroup { group in
      group.addTask { await self.watchRoots() }
      await withDiscardingTaskGroup { running in
        for (runner, end) in zip(runners, ends) {
          running.addTask { await runner.run(until: end.stream) }
        }
        if let remote { running.addTask { await remote.run(until: shutdown) } }
        if runners.isEmpty { await shutdown.wait() }
      }
      group.cancelAll()
    }
  }

  /// Tells of every change of namespaces and, looked at once a second, of roots.
  private func watchRoots() async {
    await withDiscardingTaskGroup { group in
      group.addTask { for await _ in self.store.observe() { self.rootChanges.yield() } }
      var last = ""
      while (try? await ContinuousClock().sleep(for: .seconds(1))) != nil {
        let roots = roots()
        if roots != last {
          rootChanges.yield()
          remote?.poke()
        }
        last = roots
      }
      group.cancelAll()
    }
  }

  /// The namespaces that get the root certificate.
  private static func namespaces(
    _ store: ConfigStore, _ options: ControlPlaneOptions
  ) -> Set<String> {
    options.rootNamespaces(among: store.objects(of: Kubernetes.Namespace.kind))
  }
}

extension ControlPlaneOptions {
  /// The namespaces that get the root certificate.
  func rootNamespaces(among namespaces: [ConfigurationObject]) -> Set<String> {
    let all = namespaces.filter { !$0.meta.isBeingDeleted }
    return Set(all.map(\.meta.name)).subtracting(RootCertificateWriter.ignored).filter {
      watchNamespace.isEmpty || watchNamespace == $0
    }
  }
}

extension MeshSettings {
  /// The name of the ConfigMap with the root certificate.
  var rootConfigMap: String { features["PILOT_CA_CERT_CONFIGMAP"] ?? "istio-ca-root-cert" }
}
