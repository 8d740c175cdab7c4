// SPDX-License-Identifier: Apache-2.0

public import Configuration
public import KubernetesClient
import MeshModel
import Synchronization

extension RemoteClusters {
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
          && state.standInTimes[id] == nil
          && now - (state.members[id]?.began ?? now) < settings.patience
      }.sorted().map { "objects of cluster \($0)" }
    }
  }

  /// Whether a cluster has told all, and nothing of it fails at present.
  public func isCurrent(_ cluster: String) -> Bool {
    let member = state.withLock { $0.told.contains(cluster) ? $0.members[cluster] : nil }
    return member?.source?.isCurrent ?? false
  }

  /// Whether a member has not told all.
  func isLate(_ member: Member) -> Bool {
    state.withLock { $0.members[member.id] === member && !$0.told.contains(member.id) }
  }

  /// How each cluster is reached whose objects have been told.
  public var links: [String: Link] {
    state.withLock { state in
      state.members.compactMapValues { state.told.contains($0.id) ? $0.link : nil }
    }
  }

  /// Leads to the API server of a cluster; nil where no Secret names it, or none that can be used.
  public func client(of id: String) -> KubernetesClient? {
    state.withLock { $0.members[id]?.link?.questions }
  }

  /// Takes what is new since the last time.
  public func take() -> [Delivery] {
    var deliveries = state.withLock { $0.takeChanges() }
    let members = state.withLock { $0.members.values.sorted { $0.id < $1.id } }
    for member in members {
      while let told = member.source?.take() {
        guard let delivery = state.withLock({ $0.take(told, of: member) }) else { break }
        deliveries.append(delivery)
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
        return Entry(
          id: id, secret: member.secret.secret, status: status,
          standInTime: state.standInTimes[id])
      }
    }
  }

  // MARK: Snapshots

  /// Goes by the Secrets of a snapshot until the API server tells which there are; of their clusters
  /// snapshots stand in at once.
  ///
  /// - Parameter objects: The objects of the own cluster as they were.
  public func takeStandIn(_ objects: [ConfigurationObject]) {
    let secrets = objects.compactMap { object -> SourcedObject? in
      guard case .secret(let secret) = object, secret.meta.namespace == settings.namespace,
        secret.meta.labels["istio/multiCluster"] == "true"
      else { return nil }
      return SourcedObject(key: object.key, object: object)
    }
    state.withLock { $0.borrow(secrets) }
    for member in reconcile() { _ = standIn(for: member) }
  }

  /// Has a snapshot stand in for a cluster that has not told all; whether there is one.
  func standIn(for member: Member) -> Bool {
    guard state.withLock({ $0.wantsStandIn(member) }), let snapshot = settings.snapshot(member.id)
    else { return false }
    return state.withLock { state in
      guard state.wantsStandIn(member) else { return false }
      state.standIns[member.id] = snapshot
      state.standInTimes[member.id] = snapshot.time
      return true
    }
  }
}

extension RemoteClusters.State {
  /// Takes in what became of Secrets; an event each.
  mutating func take(secrets change: ReflectorChange) -> [String] {
    let removals = change.removals.filter { secrets[$0] != nil }.map { _ in "delete" }
    let upserts = change.upserts.map {
      secrets[$0.key] == nil || borrowed.contains($0.key) ? "add" : "update"
    }
    secrets.take(change)
    borrowed.subtract(change.upserts.map(\.key))
    return removals + upserts
  }

  /// Takes in the Secrets of a snapshot, unless the API server has told its own.
  mutating func borrow(_ objects: [SourcedObject]) {
    guard !isSynced else { return }
    let new = objects.filter { secrets[$0.key] == nil }
    var change = ReflectorChange()
    change.upserts = new
    secrets.take(change)
    borrowed.formUnion(new.map(\.key))
  }

  /// Takes note that the API server has told all Secrets: those of a snapshot alone are gone.
  mutating func tellAllSecrets() {
    isSynced = true
    var change = ReflectorChange()
    change.removals = Array(borrowed)
    secrets.take(change)
    borrowed = []
  }

  /// Whether nothing is served of a cluster, and its API server is late.
  func wantsStandIn(_ member: RemoteClusters.Member) -> Bool {
    members[member.id] === member && member.source != nil && !told.contains(member.id)
      && !served.contains(member.id) && standIns[member.id] == nil
  }

  /// What is new apart from what API servers told.
  mutating func takeChanges() -> [RemoteClusters.Delivery] {
    var deliveries = gone.map {
      RemoteClusters.Delivery(cluster: $0, change: .gone, problems: [])
    }
    gone = []
    for (id, snapshot) in standIns.sorted(by: { $0.key < $1.key }) {
      served.insert(id)
      deliveries.append(
        .init(
          cluster: id,
          change: .all(snapshot.objects.map { SourcedObject(key: $0.key, object: $0) }),
          mesh: snapshot.mesh, problems: problems(of: id)))
    }
    standIns = [:]
    return deliveries
  }

  /// What a member told; nil where it is the cluster's no longer.
  mutating func take(
    _ told: KubernetesSource.Delivery, of member: RemoteClusters.Member
  ) -> RemoteClusters.Delivery? {
    let id = member.id
    // The cluster may have gone meanwhile, or be read anew.
    guard members[id] === member else { return nil }
    var delivery = RemoteClusters.Delivery(cluster: id, mesh: told.mesh)
    guard let transaction = told.transaction else { return delivery }
    if transaction.isSynced {
      served.insert(id)
      standIns[id] = nil
      standInTimes[id] = nil
      let isFirst = self.told.insert(id).inserted
      delivery.change = isFirst ? .all(transaction.upserts) : .part(transaction)
    }
    delivery.problems = problems(of: id, transaction.problems)
    return delivery
  }

  /// What is to be said of a cluster.
  private func problems(
    of id: String, _ told: [StoredDiagnostic] = []
  ) -> [StoredDiagnostic] {
    var all = told.map { problem in
      var problem = problem
      problem.message = "cluster \(id): \(problem.message)"
      return problem
    }
    if let time = standInTimes[id] {
      let note =
        "cluster \(id): its API server has not told all yet: what is served of it was true at "
        + Timestamp.text(time)
      all.insert(
        StoredDiagnostic(.warning, key: nil, origin: ObjectOrigin(), message: note), at: 0)
    }
    return all
  }
}
