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

  /// - Parameter authority: What issues certificates, whose roots namespaces get; nil where the
  ///   control plane issues none, and they get none.
  init(
    _ options: ControlPlaneOptions, _ connection: ClusterConnection, store: ConfigStore,
    authority: CertificateAuthority?, findings: FindingsReader, registry: MetricsRegistry,
    logs: LogSystem
  ) {
    self.store = store
    let roots = { @Sendable in authority?.current?.roots.map(\.pem).joined() ?? "" }
    self.roots = roots
    let (changes, rootChanges) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    self.rootChanges = rootChanges
    let metrics = WriterMetrics(registry)
    let settings = options.settings
    let client = connection.client(options)
    let elections = Elections(options, connection)
    var runners: [WriterRunner] = []
    if authority != nil {
      let writer = RootCertificateWriter(
        configMap: settings.features["PILOT_CA_CERT_CONFIGMAP"] ?? "istio-ca-root-cert",
        client: client, watchNamespace: options.watchNamespace, changes: changes
      ) { .init(namespaces: ClusterWriting.namespaces(store, options), root: roots()) }
      runners.append(
        elections.runner(
          writer, named: "istio-namespace-controller-election", metrics,
          logs.scope("controllers")))
    }
    if settings.readsAllocatedAddresses {
      let writer = EntryAddressWriter(
        client: client, ranges: settings.allocationRanges, changes: store.observe()
      ) {
        store.objects(of: Istio.ServiceEntry.kind).compactMap { object in
          guard case .serviceEntry(let entry) = object else { return nil }
          return entry
        }
      }
      runners.append(
        elections.runner(
          writer, named: "istio-ip-autoallocate", metrics, logs.scope("ip-autoallocate")))
    }
    if let reports = connection.reports {
      let analysis = AnalysisFindings(store, findings, log: logs.scope())
      let writer = AnalysisWriter(
        client: client, reports: reports, interval: settings.analysisInterval,
        changes: store.observe(), findings: analysis.read)
      runners.append(
        elections.runner(
          writer, named: "istio-analyze-leader", metrics, logs.scope("status")))
    }
    self.runners = runners
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
        if roots != last { rootChanges.yield() }
        last = roots
      }
      group.cancelAll()
    }
  }

  /// The namespaces that get the root certificate.
  private static func namespaces(_ store: ConfigStore, _ options: ControlPlaneOptions) -> Set<
    String
  > {
    let all = store.objects(of: Kubernetes.Namespace.kind).filter { !$0.meta.isBeingDeleted }
    return Set(all.map(\.meta.name)).subtracting(RootCertificateWriter.ignored).filter {
      options.watchNamespace.isEmpty || options.watchNamespace == $0
    }
  }
}

/// Makes the elections of one process.
private struct Elections {
  private let namespace: String
  private let revision: String
  private let identity: String
  private let isEnabled: Bool
  private let client: KubernetesClient

  init(_ options: ControlPlaneOptions, _ connection: ClusterConnection) {
    namespace = options.namespace
    revision = options.settings.revision
    let mark = String(UInt32.random(in: .min ... .max), radix: 16)
    // A process that comes back under its old name must not believe that it leads still.
    identity = "\(options.podName)_\(mark)"
    isEnabled = options.settings.feature("ENABLE_LEADER_ELECTION", default: true)
    // Renewals do not wait behind other requests.
    client = KubernetesClient(
      connection.configuration, http: connection.http,
      budget: RequestBudget(perSecond: 0, burst: 1))
  }

  /// A writer that runs where this process holds the Lease `name` and Istio's lock of that name.
  func runner(
    _ writer: any ClusterWriter, named name: String, _ metrics: WriterMetrics, _ log: Logger
  ) -> WriterRunner {
    let kinds: [ObjectLock.Kind] = isEnabled ? [.lease, .configMap] : []
    let locks = kinds.map {
      ObjectLock($0, named: name, in: namespace, client: client, now: WallClock.text)
    }
    let election = Election(
      locks, identity: identity, key: revision, defaultRevision: defaultRevision)
    return WriterRunner(writer, election: election, named: name, metrics: metrics, log: log)
  }

  /// The revision that the webhook of the default tag names; empty for none.
  private func defaultRevision() async -> String {
    let path = ObjectPath(
      group: "admissionregistration.k8s.io", plural: "mutatingwebhookconfigurations",
      name: "istio-revision-tag-default")
    let webhook = try? await client.object(at: path, by: .now + .seconds(2))
    return webhook?["metadata"]?["labels"]?["istio.io/rev"]?.string ?? ""
  }
}
