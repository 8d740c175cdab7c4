// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI

/// From the choice of a cluster on.
extension WalkPath {
  /// Looks at the clusters that traffic may go to, and at their endpoints.
  mutating func reach(_ targets: [(name: String, weight: UInt32)]) -> WalkOutcome {
    let total = targets.reduce(0) { $0 + $1.weight }
    for (name, weight) in targets {
      let share = targets.count > 1 && total > 0 ? "takes \(weight) of \(total)" : nil
      look(at: name, share: share)
    }
    return .clusters(targets.map { WalkOutcome.Target(cluster: $0.name, weight: $0.weight) })
  }

  private mutating func look(at name: String, share: String?) {
    var step = WalkStep(kind: .cluster, name: name)
    step.details = share.map { [$0] } ?? []
    guard
      let cluster = try? configuration.resource(.cluster, name)?.message(
        Envoy.Cluster.self, in: arena)
    else {
      step.details.append("there is no such cluster: requests are answered with 503")
      steps.append(step)
      return
    }
    step.details += cluster.summary
    step.sources = source(cluster.metadata)
    steps.append(step)
    endpoints(of: cluster)
  }

  private mutating func endpoints(of cluster: Envoy.Cluster) {
    var assignment = cluster.loadAssignment
    var name = cluster.name
    if cluster.type == .eds {
      let service = cluster.edsClusterConfig?.serviceName ?? ""
      if !service.isEmpty { name = service }
      assignment = try? configuration.resource(.endpoint, name)?.message(
        Envoy.ClusterLoadAssignment.self, in: arena)
    }
    guard let assignment else {
      guard cluster.type == .eds else { return }
      steps.append(
        WalkStep(kind: .endpoints, name: name, details: ["none are known: answered with 503"]))
      return
    }
    var step = WalkStep(kind: .endpoints, name: name)
    step.details = assignment.endpoints.flatMap(\.summary)
    if step.details.isEmpty { step.details = ["there are none: answered with 503"] }
    steps.append(step)
  }
}

extension Envoy.Cluster {
  /// How it finds its endpoints and talks to them, a phrase each.
  fileprivate var summary: [String] {
    var parts: [String] = []
    switch type {
    case .eds?: parts.append("endpoints come by EDS")
    case .strictDns?: parts.append("endpoints come by DNS, all answers")
    case .logicalDns?: parts.append("endpoints come by DNS, one answer")
    case .originalDst?: parts.append("goes to where the client wanted to")
    case .static?, nil: break
    }
    let matches = transportSocketMatches.map(\.name)
    if transportSocket != nil {
      parts.append("opens TLS")
    } else if !matches.isEmpty {
      parts.append("opens TLS where the endpoint can (\(matches.joined(separator: ", ")))")
    }
    if outlierDetection != nil { parts.append("ejects endpoints that fail") }
    return parts
  }
}

extension Envoy.LocalityLbEndpoints {
  /// Each endpoint in a phrase: address, place, priority, weight and health.
  fileprivate var summary: [String] {
    let place = locality.map { [$0.region, $0.zone, $0.subZone].filter { !$0.isEmpty } } ?? []
    return lbEndpoints.compactMap { endpoint -> String? in
      guard let address = endpoint.endpoint?.address else { return nil }
      var parts = [address.text]
      if !place.isEmpty { parts.append("in \(place.joined(separator: "/"))") }
      if priority > 0 { parts.append("priority \(priority)") }
      if let weight = endpoint.loadBalancingWeight, weight != 1 { parts.append("weight \(weight)") }
      switch endpoint.healthStatus {
      case .unknown, .healthy: break
      case .draining: parts.append("draining")
      default: parts.append("unhealthy")
      }
      return parts.joined(separator: ", ")
    }
  }
}

extension Envoy.Address {
  fileprivate var text: String {
    if let socket = socketAddress {
      let host = socket.address.contains(":") ? "[\(socket.address)]" : socket.address
      return "\(host):\(socket.portValue ?? 0)"
    }
    if let pipe { return pipe.path }
    return envoyInternalAddress?.serverListenerName ?? ""
  }
}
