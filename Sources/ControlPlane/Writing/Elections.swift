// SPDX-License-Identifier: Apache-2.0

import ClusterWriters
import HTTPClient
import JSON
import KubernetesClient
import LeaderElection
import Logging
import MeshModel

/// Makes the elections of one process.
struct Elections {
  private let namespace: String
  private let key: ElectionKey
  private let identity: String
  private let isEnabled: Bool
  private let client: KubernetesClient

  /// Elections at the API server of `configuration`.
  ///
  /// - Parameter isRemote: Whether it is another cluster's than the control plane's own.
  init(
    _ options: ControlPlaneOptions, _ configuration: ClusterConfiguration, http: HTTPClient,
    isRemote: Bool = false
  ) {
    namespace = options.namespace
    key = ElectionKey(revision: options.settings.revision, isRemote: isRemote)
    let mark = String(UInt32.random(in: .min ... .max), radix: 16)
    // A process that comes back under its old name must not believe that it leads still.
    identity = "\(options.podName)_\(mark)"
    isEnabled = options.settings.feature("ENABLE_LEADER_ELECTION", default: true)
    // Renewals do not wait behind other requests.
    client = KubernetesClient(
      configuration, http: http,
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
      locks, identity: identity, key: key.text, defaultRevision: defaultRevision)
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
