// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// Whether a workload's port takes mutual TLS (PeerAuthentication).
enum MutualTLSMode: Hashable, Sendable {
  /// Plain text only.
  case disable
  /// Both.
  case permissive
  /// Mutual TLS only.
  case strict

  fileprivate init?(_ written: Istio.PeerAuthentication.MutualTLS?) {
    switch written?.mode {
    case .unset, nil: return nil
    case .disable: self = .disable
    case .permissive: self = .permissive
    case .strict: self = .strict
    }
  }
}

/// The modes of a workload's ports, as its mesh, namespace and selecting policies merge.
struct MutualTLSPolicy: Hashable, Sendable {
  /// The mode of ports that have none of their own.
  var mode = MutualTLSMode.permissive
  /// The modes of the workload's ports.
  var ports: [UInt32: MutualTLSMode] = [:]

  /// The mode of a port.
  subscript(port: UInt32) -> MutualTLSMode { ports[port] ?? mode }
}

extension ProxyContext {
  /// The workload's policy: of each scope the oldest object counts, and what it leaves unset is
  /// inherited from the wider scope (Istio's ComposePeerAuthentication).
  func mutualTLSPolicy() -> MutualTLSPolicy {
    let policies = mesh.config.peerAuthentications
    let root = settings.rootNamespace
    var merged = MutualTLSPolicy()
    let wide = { (namespace: String) in
      policies.objects(in: namespace).first { $0.spec.selectorLabels.isEmpty }?.spec
    }
    if let mode = wide(root).flatMap({ MutualTLSMode($0.mtls) }) { merged.mode = mode }
    guard node.namespace != root else { return merged }
    if let mode = wide(node.namespace).flatMap({ MutualTLSMode($0.mtls) }) { merged.mode = mode }
    let selecting = policies.objects(in: node.namespace).first {
      !$0.spec.selectorLabels.isEmpty && $0.spec.selectorLabels.isSubset(of: node.labels)
    }
    guard let selecting else { return merged }
    if let mode = MutualTLSMode(selecting.spec.mtls) { merged.mode = mode }
    merged.ports = selecting.spec.portLevelMtls.mapValues { MutualTLSMode($0) ?? merged.mode }
    return merged
  }
}

extension Istio.PeerAuthentication {
  fileprivate var selectorLabels: [String: String] { selector?.matchLabels ?? [:] }
}
