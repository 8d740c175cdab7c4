// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

extension NetworkGateways.Gateway {
  /// Whether a proxy has an address of the gateway's family.
  func isReachable(by viewer: EndpointSelection.Viewer) -> Bool {
    guard viewer.hasIPv4 != viewer.hasIPv6, let address = IPAddress(address) else { return true }
    return address.isIPv4 ? viewer.hasIPv4 : viewer.hasIPv6
  }

  /// The gateway in place of the endpoints behind it.
  func endpoint(weight: UInt32) -> BalancedEndpoint {
    var labels = [WellKnownLabel.network: network]
    if !cluster.isEmpty { labels[WellKnownLabel.cluster] = cluster }
    return BalancedEndpoint(
      addresses: [address], port: port, health: nil, weight: max(weight, 1), labels: labels,
      hasMutualTLS: true, workload: ";;;;\(cluster)")
  }
}
