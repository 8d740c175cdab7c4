// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel

/// What PeerAuthentications say of the workloads of some namespaces.
///
/// Of each scope (mesh, namespace, workload) the oldest object counts; what it leaves unset is
/// inherited from the wider scope (Istio's ComposePeerAuthentication).
struct PeerAuthentications: Hashable, Sendable {
  private typealias Object = ConfigObject<Istio.PeerAuthentication>

  private var mesh: MutualTLSMode?
  private var byNamespace: [String: MutualTLSMode] = [:]
  private var selecting: [String: [Object]] = [:]

  /// What counts for workloads of some namespaces.
  init(_ table: ConfigTable<Istio.PeerAuthentication>, root: String, namespaces: Set<String>) {
    mesh = PeerAuthentications.general(table.objects(in: root))
    // In the root namespace, objects for selected workloads do not count.
    for namespace in namespaces where namespace != root {
      byNamespace[namespace] = PeerAuthentications.general(table.objects(in: namespace))
      let own = table.objects(in: namespace).filter { !$0.spec.selectorLabels.isEmpty }
      if !own.isEmpty { selecting[namespace] = own }
    }
  }

  private static func general(_ objects: [Object]) -> MutualTLSMode? {
    objects.first { $0.spec.selectorLabels.isEmpty }.flatMap { MutualTLSMode($0.spec.mtls) }
  }

  /// What the workloads of a namespace take in general; nil where nothing is said.
  func mode(namespace: String) -> MutualTLSMode? { byNamespace[namespace] ?? mesh }

  /// What one workload takes; permissive where nothing is said.
  func policy(namespace: String, labels: [String: String]) -> MutualTLSPolicy {
    var policy = MutualTLSPolicy(mode: mode(namespace: namespace) ?? .permissive)
    let own = selecting[namespace]?.first { $0.spec.selectorLabels.isSubset(of: labels) }
    guard let own = own?.spec else { return policy }
    policy.mode = MutualTLSMode(own.mtls) ?? policy.mode
    policy.ports = own.portLevelMtls.mapValues { MutualTLSMode($0) ?? policy.mode }
    return policy
  }
}

extension ProxyContext {
  /// What the workload takes on its ports.
  func mutualTLSPolicy() -> MutualTLSPolicy {
    PeerAuthentications(
      mesh.config.peerAuthentications, root: settings.rootNamespace, namespaces: [node.namespace]
    ).policy(namespace: node.namespace, labels: node.labels)
  }
}

extension Istio.PeerAuthentication {
  /// The labels of the workloads that it is for; empty for all.
  fileprivate var selectorLabels: [String: String] { selector?.matchLabels ?? [:] }
}
