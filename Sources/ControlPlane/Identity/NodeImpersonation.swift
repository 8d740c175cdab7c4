// SPDX-License-Identifier: Apache-2.0

import Authentication
import CertificateAuthority
import Configuration
import MeshModel
import ServiceDiscovery
import Synchronization

/// Lets proxies of nodes ask for certificates of what runs on their own node, and nothing else
/// (`CA_TRUSTED_NODE_ACCOUNTS`), as istiod does.
///
/// The caller's token must be bound to its Pod, whose node is then known for sure.
final class NodeImpersonation: ImpersonationPolicy {
  private struct Place: Hashable {
    var node: String
    var namespace: String
    var serviceAccount: String
  }

  private struct Index {
    var generation: UInt64
    var places: Set<Place>
  }

  private let accounts: Set<String>
  private let snapshot: @Sendable () -> MeshSnapshot?
  private let index = Mutex<Index?>(nil)

  /// A policy for trusted accounts, each `NAMESPACE/NAME`.
  init(accounts: Set<String>, snapshot: @escaping @Sendable () -> MeshSnapshot?) {
    self.accounts = accounts
    self.snapshot = snapshot
  }

  func check(_ caller: Caller, standsFor identity: SpiffeID) throws(AuthenticationFailure) {
    let trusted = caller.identities.first {
      accounts.contains("\($0.namespace)/\($0.serviceAccount)")
    }
    guard let own = trusted else {
      throw AuthenticationFailure("CA_TRUSTED_NODE_ACCOUNTS does not name the caller")
    }
    guard let snapshot = snapshot() else {
      throw AuthenticationFailure("the Pods are not known yet")
    }
    guard snapshot.settings.trustDomains.contains(identity.trustDomain) else {
      throw AuthenticationFailure("\(identity) is of another trust domain")
    }
    guard let reference = caller.pod else {
      throw AuthenticationFailure("the caller's token is bound to no Pod")
    }
    let name = DiscoveryTables.Name(reference.namespace, reference.name)
    guard let pod = snapshot.registry.sources.tables.pods[name],
      pod.meta.uid == reference.uid
    else {
      throw AuthenticationFailure("the Pod \(reference.namespace)/\(reference.name) is not known")
    }
    let spec = pod.spec.spec ?? .init()
    guard spec.serviceAccountName == own.serviceAccount, pod.meta.namespace == own.namespace,
      !spec.nodeName.isEmpty
    else { throw AuthenticationFailure("the Pod is not the caller's, or on no node") }
    let wanted = Place(
      node: spec.nodeName, namespace: identity.namespace, serviceAccount: identity.serviceAccount)
    guard places(of: snapshot).contains(wanted) else {
      throw AuthenticationFailure("no Pod of \(identity) runs on the node \(spec.nodeName)")
    }
  }

  /// What runs where, made once for each snapshot that is asked about.
  private func places(of snapshot: MeshSnapshot) -> Set<Place> {
    index.withLock { index in
      if let index, index.generation == snapshot.generation { return index.places }
      var places: Set<Place> = []
      for pod in snapshot.registry.sources.tables.pods.values
      where pod.spec.status?.phase != "Failed" {
        let spec = pod.spec.spec ?? .init()
        guard !spec.nodeName.isEmpty, !spec.serviceAccountName.isEmpty else { continue }
        places.insert(
          Place(
            node: spec.nodeName, namespace: pod.meta.namespace,
            serviceAccount: spec.serviceAccountName))
      }
      index = Index(generation: snapshot.generation, places: places)
      return places
    }
  }
}
