// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel

/// Which clusters the Secrets with the label `istio/multiCluster=true` name, and how each is reached: a
/// value without IO.
///
/// Each entry of a Secret is a cluster: its key the id, its value a kubeconfig. Where two Secrets name
/// one cluster, the first by name counts, as it is.
struct RemoteSecrets: Sendable {
  /// How one cluster is reached.
  struct Member: Hashable {
    /// The Secret, as `namespace/name`.
    var secret: String
    /// The kubeconfig.
    var kubeconfig: [UInt8]
  }

  private var secrets: [ObjectKey: [String: [UInt8]]] = [:]
  private let ownCluster: String

  /// No clusters beside the own one, which no Secret can name.
  init(ownCluster: String) { self.ownCluster = ownCluster }

  /// The entries of a Secret; nil where there is none.
  subscript(key: ObjectKey) -> [String: [UInt8]]? { secrets[key] }

  /// Takes in what became of Secrets.
  mutating func take(_ change: ReflectorChange) {
    for key in change.removals { secrets[key] = nil }
    for object in change.upserts {
      guard case .secret(let secret)? = object.object else { continue }
      secrets[object.key] = secret.spec.data.mapValues(\.bytes)
    }
  }

  /// The clusters by id, and what is wrong with the rest.
  var members: (clusters: [String: Member], problems: [String]) {
    var clusters: [String: Member] = [:]
    var problems: [String] = []
    let sorted = secrets.sorted { $0.key.description < $1.key.description }
    for (key, entries) in sorted {
      let name = "\(key.namespace)/\(key.name)"
      for (id, kubeconfig) in entries.sorted(by: { $0.key < $1.key }) {
        if id == ownCluster {
          problems.append("Secret \(name) names \(id), which is this control plane's own cluster")
        } else if let known = clusters[id] {
          problems.append("Secret \(name) names \(id), which Secret \(known.secret) names already")
        } else {
          clusters[id] = Member(secret: name, kubeconfig: kubeconfig)
        }
      }
    }
    return (clusters, problems)
  }
}
