// SPDX-License-Identifier: Apache-2.0

import Configuration
public import HTTPClient
public import KubernetesClient
public import MeshModel
import Synchronization

/// The other clusters of the mesh: those that Secrets of the control plane's namespace name.
///
/// Each is read by a source of its own, so that none waits for another.
/// Of these clusters Namespaces, Nodes, Services, EndpointSlices and Pods are read, and no
/// configuration. Where a Secret says something else of a cluster, a new source takes the place of the
/// old one once it has told all; until then what the old one told stays.
public final class RemoteClusters: Sendable {
  /// How far a cluster has come (istiod's words).
  public enum Status: String, Hashable, Sendable {
    /// All that there was has been told.
    case synced
    /// It has not, and is waited for.
    case syncing
    /// It has not for so long that nobody waits for it.
    case timeout
    /// The Secret cannot be used.
    case closed
  }

  /// One cluster, for operators.
  public struct Entry: Hashable, Sendable {
    /// Its id.
    public var id: String
    /// The Secret that names it, as `namespace/name`; empty for the own cluster.
    public var secret: String
    /// How far it has come.
    public var status: Status

    /// An entry.
    public init(id: String, secret: String, status: Status) {
      self.id = id
      self.secret = secret
      self.status = status
    }
  }

  /// What is read, and how.
  public struct Settings: Sendable {
    /// The id of the cluster that the Secrets are in.
    public var ownCluster = "Kubernetes"
    /// The namespace of the Secrets.
    public var namespace = "istio-system"
    /// The only namespace that is read of each cluster; empty for all.
    public var watchNamespace = ""
    /// How long a cluster is waited for (`PILOT_REMOTE_CLUSTER_TIMEOUT`).
    public var patience = Duration.seconds(30)
    /// The ways to credentials that a Secret may use although they read files
    /// (`PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS`).
    public var allowedOptions: Set<String> = []
    /// The requests that each cluster's API server may get.
    public var budget = RequestBudget(perSecond: 80, burst: 160)

    /// istiod's settings.
    public init() {}
  }

  /// What is new of one cluster.
  public struct Delivery: Sendable {
    /// The id of the cluster.
    public var cluster: String
    /// What became of its objects.
    public var change: RemoteChange
  }

  /// One source of one cluster.
  private final class Member: Sendable {
    let secret: RemoteSecrets.Member
    /// Nil where the kubeconfig cannot be used.
    let source: KubernetesSource?
    let end = AsyncStream.makeStream(of: Void.self)
    let began = ContinuousClock.now

    init(_ secret: RemoteSecrets.Member, _ source: KubernetesSource?) {
      self.secret = secret
      self.source = source
    }
  }

  private struct State {
    var secrets: RemoteSecrets
    var isSynced = false
    var members: [String: Member] = [:]
    /// The clusters whose member has told all.
    var told: Set<String> = []
    /// The clusters of which objects are served.
    var served: Set<String> = []
    var gone: [String] = []
    var problems: [String] = []
  }

  private let client: KubernetesClient
  private let http: HTTPClient
  private let settings: Settings
  private let state: Mutex<State>
  private let began = ContinuousClock.now
  private let report: @Sendable (String) -> Void

  /// The clusters that Secrets at `client`'s API server name.
  ///
  /// - Parameter report: Told what is wrong with a Secret or a kubeconfig, once.
  public init(
    client: KubernetesClient, http: HTTPClient, settings: Settings,
    report: @escaping @Sendable (String) -> Void
  ) {
    self.client = client
    self.http = http
    self.settings = settings
    self.report = report
    state = Mutex(State(secrets: RemoteSecrets(ownCluster: settings.ownCluster)))
  }

  /// Follows Secrets and clusters until the task is cancelled, and calls `notify` whenever there may
  /// be something to take.
  public func run(_ notify: @escaping @Sendable () -> Void) async {
    let (starts, starter) = AsyncStream.makeStream(of: Member.self)
    let follower = ObjectFollower(
      Kubernetes.Secret.kind, namespace: settings.namespace,
      labelSelector: "istio/multiCluster=true", client: client)
    await withDiscardingTaskGroup { group in
      group.addTask {
        await follower.run { action in
          switch action {
          case .change(let change):
            self.state.withLock { $0.secrets.take(change) }
            for member in self.reconcile() { starter.yield(member) }
          case .synced: self.state.withLock { $0.isSynced = true }
          default: return
          }
          notify()
        }
        starter.finish()
      }
      group.addTask {
        // After this nobody is waited for.
        try? await ContinuousClock().sleep(for: self.settings.patience)
        notify()
      }
      for await member in starts {
        group.addTask { await self.run(member, notify) }
      }
    }
  }

  /// Reads one cluster until it is told to end.
  private func run(_ member: Member, _ notify: @escaping @Sendable () -> Void) async {
    guard let source = member.source else { return }
    await withDiscardingTaskGroup { group in
      group.addTask { await source.run(notify) }
      for await _ in member.end.stream {}
      group.cancelAll()
    }
  }

  /// Makes the members what the Secrets say; the new ones.
  private func reconcile() -> [Member] {
    let (new, problems) = state.withLock { state in
      let (wanted, problems) = state.secrets.members
      var new: [Member] = []
      for (id, member) in state.members where wanted[id] == nil {
        member.end.continuation.finish()
        state.members[id] = nil
        state.told.remove(id)
        if state.served.remove(id) != nil { state.gone.append(id) }
      }
      var all = problems
      for (id, secret) in wanted where state.members[id]?.secret != secret {
        var source: KubernetesSource?
        do throws(KubernetesClientError) {
          source = try self.source(secret, id)
        } catch {
          all.append("cluster \(id) cannot be read: \(error)")
          // Who reads it goes on as before.
          if state.members[id]?.source != nil { continue }
        }
        state.members[id]?.end.continuation.finish()
        let member = Member(secret, source)
        state.members[id] = member
        state.told.remove(id)
        new.append(member)
      }
      let fresh = all.filter { !state.problems.contains($0) }
      state.problems = all
      return (new, fresh)
    }
    for problem in problems { report(problem) }
    return new
  }

  private func source(
    _ secret: RemoteSecrets.Member, _ id: String
  ) throws(KubernetesClientError) -> KubernetesSource {
    let kubeconfig = try Kubeconfig(secret.kubeconfig, path: "Secret \(secret.secret), \(id)")
    let configuration = try kubeconfig.remoteConfiguration(allowing: settings.allowedOptions)
    let client = KubernetesClient(configuration, http: http, budget: settings.budget)
    var remote = KubernetesSource.Settings()
    remote.namespace = settings.watchNamespace
    remote.readsServicesOnly = true
    return KubernetesSource(client: client, settings: remote) {}
  }

  // MARK: What is new

  /// Whether all clusters have told all, or were waited for long enough.
  public var isComplete: Bool { missing.isEmpty }

  /// What is still waited for, by name.
  public var missing: [String] {
    let now = ContinuousClock.now
    guard now - began < settings.patience else { return [] }
    return state.withLock { state in
      guard state.isSynced else { return ["Secrets of remote clusters"] }
      return state.members.keys.filter { id in
        !state.told.contains(id) && state.members[id]?.source != nil
          && now - (state.members[id]?.began ?? now) < settings.patience
      }.sorted().map { "objects of cluster \($0)" }
    }
  }

  /// Takes what is new since the last time.
  public func take() -> [Delivery] {
    var deliveries = state.withLock { state in
      defer { state.gone = [] }
      return state.gone.map { Delivery(cluster: $0, change: .gone) }
    }
    for (id, member) in state.withLock({ $0.members }).sorted(by: { $0.key < $1.key }) {
      while let delivery = member.source?.take() {
        guard let transaction = delivery.transaction, transaction.isSynced else { continue }
        let isFirst = state.withLock { state in
          // The cluster may have gone meanwhile, or be read anew.
          guard state.members[id] === member else { return Bool?.none }
          state.served.insert(id)
          return state.told.insert(id).inserted
        }
        guard let isFirst else { break }
        deliveries.append(
          Delivery(cluster: id, change: isFirst ? .all(transaction.upserts) : .part(transaction)))
      }
    }
    return deliveries
  }

  /// The clusters, by id.
  public var entries: [Entry] {
    let now = ContinuousClock.now
    return state.withLock { state in
      state.members.sorted { $0.key < $1.key }.map { id, member in
        let status: Status =
          if member.source == nil {
            .closed
          } else if state.told.contains(id) {
            .synced
          } else {
            now - member.began < settings.patience ? .syncing : .timeout
          }
        return Entry(id: id, secret: member.secret.secret, status: status)
      }
    }
  }
}
