// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

extension Istio.DestinationRule {
  /// Whether the client's address chooses the endpoint; a subset's load balancer counts before the
  /// rule's, if it is a consistent hash or has none.
  func hashesSourceIP(subset name: String) -> Bool {
    let all = trafficPolicy?.loadBalancer?.hashesSourceIP ?? false
    guard let subset = subsets.first(where: { $0.name == name }),
      let balancer = subset.trafficPolicy?.loadBalancer
    else { return all }
    return balancer.hashesSourceIP
  }

  /// The tunnel of connections; of a subset, only its own.
  func tunnel(subset name: String) -> TCPProxyInputs.Tunnel? {
    let policy =
      name.isEmpty ? trafficPolicy : subsets.first { $0.name == name }?.trafficPolicy
    guard let tunnel = policy?.tunnel else { return nil }
    let host = tunnel.targetHost.contains(":") ? "[\(tunnel.targetHost)]" : tunnel.targetHost
    return TCPProxyInputs.Tunnel(
      hostname: "\(host):\(tunnel.targetPort)", usesPost: tunnel.protocol == "POST")
  }
}

extension Istio.LoadBalancerSettings {
  fileprivate var hashesSourceIP: Bool {
    guard case .consistentHash(let hash)? = lbPolicy, case .useSourceIp(true)? = hash.hashKey
    else { return false }
    return true
  }
}

extension ProxyContext {
  /// The cluster of a route's destination: its port, else the only one of its service, else the
  /// listener's.
  func destinationCluster(
    _ destination: Istio.Destination, service: MeshService?, port: UInt32
  ) -> String {
    guard !destination.host.isEmpty else { return "UnknownService" }
    var host = destination.host
    if let external = service?.externalName, !external.isEmpty { host = external }
    var number = port
    if let written = destination.port {
      number = written.number
    } else if let service, service.ports.count == 1 {
      number = service.ports[0].number
    }
    return "\(ClusterName(.outbound, port: number, subset: destination.subset, host: host))"
  }

  /// The prefix of statistics of outbound connections.
  func outboundStatPrefix(
    _ service: MeshService?, host: String, subset: String = "", port: UInt32,
    portName: String = "", cluster: String
  ) -> String {
    let pattern = settings.mesh.outboundClusterStatName
    guard !pattern.isEmpty else { return cluster }
    var name = StatName(service, host: host, subset: subset, port: port, portName: portName)
    name.targetPort = 0
    return name.text(pattern)
  }

  /// Whether a match of a TLS route is for the proxy and a listener's port.
  func reaches(_ match: Istio.TLSMatchAttributes, port: UInt32) -> Bool {
    reaches(
      gateways: match.gateways, labels: match.sourceLabels, namespace: match.sourceNamespace,
      port: match.port, of: port)
  }

  /// Whether a match of a TCP route is for the proxy and a listener's port.
  func reaches(_ match: Istio.L4MatchAttributes, port: UInt32) -> Bool {
    reaches(
      gateways: match.gateways, labels: match.sourceLabels, namespace: match.sourceNamespace,
      port: match.port, of: port)
  }

  private func reaches(
    gateways: [String], labels: [String: String], namespace: String, port: UInt32, of own: UInt32
  ) -> Bool {
    (gateways.isEmpty || gateways.contains(VirtualServiceIndex.mesh))
      && labels.isSubset(of: node.labels) && (port == 0 || port == own)
      && (namespace.isEmpty || namespace == node.namespace)
  }
}
