// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import ServiceDiscovery

extension MeshSnapshot {
  /// A node with what the registry knows of its workload: of a Pod or a WorkloadEntry the labels count,
  /// not `LABELS`; its place counts before `node.locality` (istiod's SetWorkloadLabels and
  /// setTopologyLabels).
  func completed(_ node: ProxyNode) -> ProxyNode {
    var node = node
    let place = node.place
    let pod = registry.pod(of: place)
    if let known = pod?.workload.facts ?? registry.externalWorkload(of: place)?.facts {
      node.labels = node.staticLabels.merging(known.labels) { $1 }
      if node.serviceAccount.isEmpty { node.serviceAccount = known.serviceAccount }
      if node.nodeName.isEmpty { node.nodeName = known.nodeName }
      if node.cluster.isEmpty { node.cluster = known.cluster }
      // Istio's agent says `NETWORK` where there are networks.
      if node.network.isEmpty, node.isPlain { node.network = known.network }
    }
    node.locality = Locality(labels: node.labels) ?? node.locality
    node.labels = node.labels.placed(
      node.locality, cluster: node.cluster, node: node.nodeName, network: node.network)
    return node
  }
}

extension ProxyNode {
  /// Labels that the proxy's owner adds to those of the workload (`STATIC_LABELS`).
  fileprivate var staticLabels: [String: String] {
    var labels: [String: String] = [:]
    for member in metadata["STATIC_LABELS"]?.object?.members ?? [] {
      labels[member.key] = member.value.string
    }
    return labels
  }
}
