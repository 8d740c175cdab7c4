// SPDX-License-Identifier: Apache-2.0

import Configuration

extension Istio.TrafficPolicy {
  /// The policy of one port: its own settings, which inherit nothing, or the general ones.
  fileprivate func ofPort(_ number: UInt32) -> (policy: Istio.TrafficPolicy, isPortLevel: Bool) {
    guard let own = portLevelSettings.first(where: { $0.port?.number == number }) else {
      return (self, false)
    }
    var policy = Istio.TrafficPolicy()
    policy.connectionPool = own.connectionPool
    policy.loadBalancer = own.loadBalancer
    policy.outlierDetection = own.outlierDetection
    policy.tls = own.tls
    return (policy, true)
  }

  /// This policy with what a subset's says put over it.
  fileprivate func overlaid(
    with subset: Istio.TrafficPolicy, isPortLevel: Bool
  ) -> Istio.TrafficPolicy {
    var merged = self
    merged.portLevelSettings = []
    if isPortLevel || subset.connectionPool != nil {
      merged.connectionPool = subset.connectionPool
    }
    if isPortLevel || subset.outlierDetection != nil {
      merged.outlierDetection = subset.outlierDetection
    }
    if isPortLevel || subset.loadBalancer != nil { merged.loadBalancer = subset.loadBalancer }
    if isPortLevel || subset.tls != nil { merged.tls = subset.tls }
    merged.tunnel = subset.tunnel ?? merged.tunnel
    merged.proxyProtocol = subset.proxyProtocol ?? merged.proxyProtocol
    merged.retryBudget = subset.retryBudget ?? merged.retryBudget
    return merged
  }

  /// The mode of TLS on a port; nil where nothing is said.
  fileprivate func tlsMode(port: UInt32) -> Istio.ClientTLSSettings.TLSmode? {
    let own = portLevelSettings.first { $0.port?.number == port && $0.tls != nil }
    return (own?.tls ?? tls)?.mode
  }
}

extension Istio.DestinationRule {
  /// The subset of a name.
  func subset(_ name: String) -> Istio.Subset? { subsets.first { $0.name == name } }

  /// The labels of a subset's endpoints.
  func subsetLabels(_ name: String) -> [String: String] {
    name.isEmpty ? [:] : subset(name)?.labels ?? [:]
  }

  /// The policy of a port for the whole service (an empty name) or a subset; what the mesh says
  /// stands in for blocks that the rule leaves out, before the subset's own are put over it.
  func policy(
    port: UInt32, subset name: String, mesh: Istio.Mesh.MeshConfig.DefaultTrafficPolicy? = nil
  ) -> Istio.TrafficPolicy? {
    let general = trafficPolicy?.ofPort(port).policy.completed(by: mesh) ?? mesh?.policy
    guard !name.isEmpty, let own = subset(name)?.trafficPolicy else { return general }
    let (policy, isPortLevel) = own.ofPort(port)
    return general?.overlaid(with: policy, isPortLevel: isPortLevel) ?? policy
  }

  /// The mode of TLS of a port that the rule names, or the subset by itself.
  func tlsMode(port: UInt32, subset name: String) -> Istio.ClientTLSSettings.TLSmode? {
    name.isEmpty
      ? trafficPolicy?.tlsMode(port: port) : subset(name)?.trafficPolicy?.tlsMode(port: port)
  }
}

extension Istio.TrafficPolicy {
  /// This policy with the mesh's connection pool and outlier detection where it has none.
  func completed(by mesh: Istio.Mesh.MeshConfig.DefaultTrafficPolicy?) -> Istio.TrafficPolicy {
    var policy = self
    policy.connectionPool = connectionPool ?? mesh?.connectionPool
    policy.outlierDetection = outlierDetection ?? mesh?.outlierDetection
    return policy
  }
}

extension Istio.Mesh.MeshConfig.DefaultTrafficPolicy {
  /// The policy where no rule applies; nil where the mesh says nothing either.
  var policy: Istio.TrafficPolicy? {
    guard connectionPool != nil || outlierDetection != nil else { return nil }
    return Istio.TrafficPolicy().completed(by: self)
  }
}
