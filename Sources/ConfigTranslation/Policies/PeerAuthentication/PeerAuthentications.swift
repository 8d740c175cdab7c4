// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel

/// Whether workloads take plain text, mutual TLS or both, as PeerAuthentications say.
struct PeerAuthentications: Hashable, Sendable {
  /// What a workload takes.
  enum Mode: Hashable, Sendable {
    /// Nothing is said.
    case unknown
    /// Plain text only.
    case disable
    /// Both.
    case permissive
    /// Mutual TLS only.
    case strict

    init?(_ mtls: Istio.PeerAuthentication.MutualTLS?) {
      switch mtls?.mode {
      case .disable: self = .disable
      case .permissive: self = .permissive
      case .strict: self = .strict
      case .unset, nil: return nil
      }
    }
  }

  private typealias Object = ConfigObject<Istio.PeerAuthentication>

  private var mesh: Mode?
  private var byNamespace: [String: Mode] = [:]
  private var selecting: [String: [Object]] = [:]

  /// What counts for workloads of some namespaces.
  init(_ table: ConfigTable<Istio.PeerAuthentication>, root: String, namespaces: Set<String>) {
    mesh = PeerAuthentications.general(table.objects(in: root))
    for namespace in namespaces {
      if namespace != root {
        byNamespace[namespace] = PeerAuthentications.general(table.objects(in: namespace))
      }
      let own = table.objects(in: namespace).filter { $0.spec.selectorLabels != nil }
      if !own.isEmpty { selecting[namespace] = own }
    }
  }

  /// The oldest object without a selector counts, if it says something.
  private static func general(_ objects: [Object]) -> Mode? {
    objects.first { $0.spec.selectorLabels == nil }.flatMap { Mode($0.spec.mtls) }
  }

  /// What the workloads of a namespace take in general.
  func mode(namespace: String) -> Mode { byNamespace[namespace] ?? mesh ?? .unknown }

  /// What one workload takes on one of its ports; permissive where nothing is said.
  func mode(namespace: String, labels: [String: String], port: UInt32) -> Mode {
    let general = byNamespace[namespace] ?? mesh ?? .permissive
    let own = selecting[namespace]?.first { object in
      object.spec.selectorLabels?.isSubset(of: labels) ?? false
    }
    guard let own else { return general }
    return Mode(own.spec.portLevelMtls[port]) ?? Mode(own.spec.mtls) ?? general
  }
}

extension Istio.PeerAuthentication {
  /// The labels of the workloads that it is for; nil for all.
  fileprivate var selectorLabels: [String: String]? {
    guard let labels = selector?.matchLabels, !labels.isEmpty else { return nil }
    return labels
  }
}
