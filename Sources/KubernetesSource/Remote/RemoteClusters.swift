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
    /// When what is served of it was true, in seconds since 1970, where a snapshot stands in for
    /// its API server; else nil.
    public var standInTime: Int64?

    /// An entry.
    public init(id: String, secret: String, status: Status, standInTime: Int64? = nil) {
      self.id = id
      self.secret = secret
      self.status = status
      self.standInTime = standInTime
    }
  }

  /// What happens with clusters.
  public enum Happening: Hashable, Sendable {
    /// A list or a watch of a cluster failed, and is to be tried again.
    case failed(cluster: String)
    /// A cluster was waited for in vain.
    case late(cluster: String)
    /// A Secret came, went or says something else: `add`, `delete`, `update`.
    case secret(event: String)
  }

  /// How one cluster is reached, for who writes there.
  public struct Link: Sendable {
    /// Tells one reader of the cluster from the one before.
    public var number: Int
    /// Its API server.
    public var configuration: ClusterConfiguration
    /// Asks its API server what a caller wants to know, on a budget of its own.
    public var questions: KubernetesClient
  }

  /// What is read, and how.
  public struct Settings: Sendable {
    /// The id of the cluster that the Secrets are in.
    public var ownCluster = "Kubernetes"
    /// The namespace of the Secrets.
    public var namespace = "istio-system"
    /// The ConfigMap of each cluster that says its trust domain.
    public var meshConfigMap = "istio"
    /// The namespace of that ConfigMap: the control plane's.
    public var systemNamespace = "istio-system"
    /// The only namespace that is read of each cluster; empty for all.
    public var watchNamespace = ""
    /// Whether WorkloadEntries of other clusters count (`PILOT_ENABLE_CROSS_CLUSTER_WORKLOAD_ENTRY`).
    public var readsWorkloadEntries = true
    /// How long a cluster is waited for (`PILOT_REMOTE_CLUSTER_TIMEOUT`).
    public var patience = Duration.seconds(30)
    /// The ways to credentials that a Secret may use although they read files
    /// (`PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS`).
    public var allowedOptions: Set<String> = []
    /// The requests that each cluster's API server may get.
    public var budget = RequestBudget(perSecond: 80, burst: 160)
    /// The last good snapshot of a cluster, which stands in for an API server that is away.
    public var snapshot: @Sendable (_ cluster: String) -> SourceSnapshot? = { _ in nil }
    /// Told what happens, for figures.
    public var happened: @Sendable (Happening) -> Void = { _ in }

    /// istiod's settings.
    public init() {}
  }

  /// What is new of one cluster.
  public struct Delivery: Sendable {
    /// The id of the cluster.
    public var cluster: String
    /// What became of its objects; nil where nothing did.
    public var change: RemoteChange?
    /// The ConfigMap of the mesh's configuration there; nil where it is as before.
    public var mesh: [KubernetesSource.MeshText]?
    /// All that is to be said of how it is read; nil where that is as before.
    public var problems: [StoredDiagnostic]?
  }

  /// One source of one cluster.
  final class Member: Sendable {
    let id: String
    let secret: RemoteSecrets.Member
    /// Nil where the kubeconfig cannot be used.
    let source: KubernetesSource?
    let link: Link?
    let end = AsyncStream.makeStream(of: Void.self)
    let began = ContinuousClock.now

    init(
      _ id: String, _ secret: RemoteSecrets.Member,
      _ reader: (source: KubernetesSource, link: Link)?
    ) {
      self.id = id
      self.secret = secret
      source = reader?.source
      link = reader?.link
    }
  }

  struct State {
    var secrets: RemoteSecrets
    /// The Secrets of a snapshot that the API server has not told yet.
    var borrowed: Set<ObjectKey> = []
    var isSynced = false
    var members: [String: Member] = [:]
    /// The clusters whose member has told all.
    var told: Set<String> = []
    /// The clusters of which objects are served.
    var served: Set<String> = []
    var gone: [String] = []
    var problems: [String] = []
    /// The snapshots that stand in for clusters and have not been taken yet.
    var standIns: [String: SourceSnapshot] = [:]
    /// When the snapshots were true that stand in for clusters.
    var standInTimes: [String: Int64] = [:]
    /// How many readers there have been.
    var links = 0
  }

  /// How long an API server has to tell all before a snapshot stands in for it.
  public static let snapshotPatience = Duration.seconds(5)

  private let client: KubernetesClient
  private let http: HTTPClient
  let settings: Settings
  let state: Mutex<State>
  let began = ContinuousClock.now
  let starts = AsyncStream.makeStream(of: Member.self)
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
    let follower = ObjectFollower(
      Kubernetes.Secret.kind, namespace: settings.namespace,
      labelSelector: "istio/multiCluster=true", client: client)
    await withDiscardingTaskGroup { group in
      group.addTask {
        await follower.run { action in
          switch action {
          case .change(let change):
            let events = self.state.withLock { $0.take(secrets: change) }
            for event in events { self.settings.happened(.secret(event: event)) }
            self.reconcile()
          case .synced:
            self.state.withLock { $0.tellAllSecrets() }
            self.reconcile()
          default: return
          }
          notify()
        }
        self.starts.continuation.finish()
      }
      group.addTask {
        // After this nobody is waited for.
        try? await ContinuousClock().sleep(for: self.settings.patience)
        notify()
      }
      for await member in starts.stream {
        group.addTask { await self.run(member, notify) }
      }
    }
  }

  /// Reads one cluster until it is told to end.
  private func run(_ member: Member, _ notify: @escaping @Sendable () -> Void) async {
    guard let source = member.source else { return }
    await withDiscardingTaskGroup { group in
      group.addTask { await source.run(notify) }
      group.addTask {
        guard (try? await ContinuousClock().sleep(for: Self.snapshotPatience)) != nil else {
          return
        }
        if self.standIn(for: member) { notify() }
      }
      group.addTask {
        let patience = self.settings.patience
        let end = member.began + patience
        guard patience > .zero, (try? await ContinuousClock().sleep(until: end)) != nil else {
          return
        }
        if self.isLate(member) { self.settings.happened(.late(cluster: member.id)) }
      }
      for await _ in member.end.stream {}
      group.cancelAll()
    }
  }

  /// Makes the members what the Secrets say, and has the new ones run.
  @discardableResult
  func reconcile() -> [Member] {
    let (new, problems) = state.withLock { state in
      let (wanted, problems) = state.secrets.members
      var new: [Member] = []
      for (id, member) in state.members where wanted[id] == nil {
        member.end.continuation.finish()
        state.members[id] = nil
        state.told.remove(id)
        state.standIns[id] = nil
        state.standInTimes[id] = nil
        if state.served.remove(id) != nil { state.gone.append(id) }
      }
      var all = problems
      for (id, secret) in wanted where state.members[id]?.secret != secret {
        var reader: (source: KubernetesSource, link: Link)?
        do throws(KubernetesClientError) {
          state.links += 1
          reader = try self.reader(secret, id, number: state.links)
        } catch {
          all.append("cluster \(id) cannot be read: \(error)")
          // Who reads it goes on as before.
          if state.members[id]?.source != nil { continue }
        }
        state.members[id]?.end.continuation.finish()
        let member = Member(id, secret, reader)
        state.members[id] = member
        state.told.remove(id)
        new.append(member)
      }
      let fresh = all.filter { !state.problems.contains($0) }
      state.problems = all
      return (new, fresh)
    }
    for problem in problems { report(problem) }
    for member in new { starts.continuation.yield(member) }
    return new
  }

  private func reader(
    _ secret: RemoteSecrets.Member, _ id: String, number: Int
  ) throws(KubernetesClientError) -> (source: KubernetesSource, link: Link) {
    let kubeconfig = try Kubeconfig(secret.kubeconfig, path: "Secret \(secret.secret), \(id)")
    let configuration = try kubeconfig.remoteConfiguration(allowing: settings.allowedOptions)
    let client = KubernetesClient(configuration, http: http, budget: settings.budget)
    var remote = KubernetesSource.Settings()
    remote.namespace = settings.watchNamespace
    remote.readsServicesOnly = true
    remote.systemNamespace = settings.systemNamespace
    remote.meshConfigMaps = [settings.meshConfigMap]
    remote.readsWorkloadEntries = settings.readsWorkloadEntries
    let happened = settings.happened
    let source = KubernetesSource(client: client, settings: remote) {
      happened(.failed(cluster: id))
    }
    let questions = KubernetesClient(configuration, http: http, budget: settings.budget)
    return (source, Link(number: number, configuration: configuration, questions: questions))
  }
}
