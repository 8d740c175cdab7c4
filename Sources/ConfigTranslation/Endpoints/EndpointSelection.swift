// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// Which endpoints of a port of a service a proxy is told of.
struct EndpointSelection: Hashable, Sendable {
  /// What of a proxy decides over endpoints.
  struct Viewer: Hashable, Sendable {
    /// Its network.
    var network = ""
    /// Its cluster.
    var cluster = ""
    /// Its node (machine), where only endpoints of that are wanted.
    var nodeName: String?
    /// The networks that it asked for; nil is all.
    var networks: Set<String>?
    /// Whether it has an IPv4 address.
    var hasIPv4 = true
    /// Whether it has an IPv6 address.
    var hasIPv6 = false
  }

  /// All endpoints of the port.
  var endpoints: [MeshEndpoint]
  /// The labels of the subset.
  var subset: [String: String] = [:]
  /// Whether addresses may be names.
  var isDNS = false
  /// Whether only endpoints with mutual TLS count: behind a gateway that does not open TLS.
  var requiresMutualTLS = false
  /// What the DestinationRule says of TLS.
  var tlsMode: Istio.ClientTLSSettings.TLSmode?
  /// What the workloads take.
  var peers: PeerAuthentications
  /// Who looks.
  var viewer: Viewer
  /// The gateways of other networks.
  var gateways = NetworkGateways()
  /// Whether endpoints that are not ready are told of.
  var sendsUnhealthy = false
  /// The label by which an endpoint says that it only keeps old sessions.
  var drainingLabel: String?
  /// Whether workloads are named for metrics.
  var namesWorkloads = true
  /// What metrics call the service in place of its workloads, where it is outside of the mesh.
  var external: ExternalIdentity?
  /// Whether endpoints that keep old sessions only are told of.
  var keepsDraining = false
  /// Whether all addresses of an endpoint are used.
  var isDualStack = false
  /// Whether endpoints of other clusters are left out.
  var isClusterLocal = false

  /// The endpoints by place, in the order of the places' names.
  func groups() -> [LocalityGroup] {
    var places: [String: (Locality, [(MeshEndpoint, BalancedEndpoint)])] = [:]
    for endpoint in endpoints where isWanted(endpoint) {
      let locality = endpoint.workload.facts.locality
      places[locality.description, default: (locality, [])].1.append((endpoint, balanced(endpoint)))
    }
    let sorted = places.sorted { $0.key < $1.key }.map(\.value)
    let reached = sorted.map { locality, found in
      LocalityGroup(locality, gateways.isEmpty ? found.map(\.1) : throughGateways(found))
    }
    guard requiresMutualTLS else { return reached }
    return reached.map { LocalityGroup($0.locality, $0.endpoints.filter(\.hasMutualTLS)) }
  }

  private func isWanted(_ endpoint: MeshEndpoint) -> Bool {
    let facts = endpoint.workload.facts
    guard subset.allSatisfy({ facts.labels[$0.key] == $0.value }) else { return false }
    let address = endpoint.addresses.first ?? ""
    if !isDNS, !address.isEmpty, endpoint.port != 0, IPAddress(address) == nil { return false }
    if address.isEmpty, gateways.isEmpty { return false }
    if let node = viewer.nodeName, facts.nodeName != node { return false }
    if let networks = viewer.networks, !facts.network.isEmpty, !networks.contains(facts.network) {
      return false
    }
    if isClusterLocal, facts.cluster != viewer.cluster { return false }
    switch health(of: endpoint) {
    case .healthy, .unknown: return true
    case .unhealthy: return sendsUnhealthy
    case .draining: return keepsDraining
    case .terminating: return false
    }
  }

  private func health(of endpoint: MeshEndpoint) -> MeshEndpoint.Health {
    if endpoint.health == .terminating { return .terminating }
    let label = drainingLabel.flatMap { endpoint.workload.facts.labels[$0] }
    let isDraining = label?.isEmpty == false
    return isDraining ? .draining : endpoint.health
  }

  private func balanced(_ endpoint: MeshEndpoint) -> BalancedEndpoint {
    let facts = endpoint.workload.facts
    return BalancedEndpoint(
      addresses: isDualStack ? endpoint.addresses : Array(endpoint.addresses.prefix(1)),
      port: endpoint.port, health: health(of: endpoint), weight: max(facts.weight, 1),
      labels: facts.labels, hasMutualTLS: hasMutualTLS(endpoint),
      workload: namesWorkloads ? facts.metricsName(external) : "")
  }

  private func hasMutualTLS(_ endpoint: MeshEndpoint) -> Bool {
    let facts = endpoint.workload.facts
    // What the endpoint says of itself is what the proxy matches sockets by.
    guard facts.tlsMode == "istio" else { return false }
    if let tlsMode { return tlsMode == .istioMutual }
    let policy = peers.policy(namespace: facts.namespace, labels: facts.labels)
    return policy[endpoint.port] != .disable
  }

  /// The endpoints of one place, those of other networks replaced by the gateways that lead there.
  private func throughGateways(
    _ found: [(MeshEndpoint, BalancedEndpoint)]
  ) -> [BalancedEndpoint] {
    var direct: [BalancedEndpoint] = []
    var weights: [NetworkGateways.Gateway: UInt32] = [:]
    for (endpoint, var balanced) in found {
      let facts = endpoint.workload.facts
      balanced.weight = UInt32(clamping: UInt64(balanced.weight) * UInt64(gateways.scale))
      let ways = gateways.leading(to: facts.network, cluster: facts.cluster)
      let isHere = facts.network.isEmpty || facts.network == viewer.network
      if isHere || ways.isEmpty {
        if endpoint.addresses.first?.isEmpty == false { direct.append(balanced) }
        continue
      }
      let reachable = ways.filter { $0.isReachable(by: viewer) }
      guard !reachable.isEmpty, balanced.hasMutualTLS else { continue }
      for way in reachable { weights[way, default: 0] += balanced.weight / UInt32(reachable.count) }
    }
    let gateways = weights.sorted { $0.key < $1.key }.map { $0.key.endpoint(weight: $0.value) }
    return direct
      + gateways.map { gateway in
        var gateway = gateway
        if !namesWorkloads { gateway.workload = "" }
        return gateway
      }
  }
}

/// What metrics call a service outside of the mesh, in place of what its endpoints say
/// (`LABEL_CANONICAL_SERVICES_FOR_MESH_EXTERNAL_SERVICE_ENTRIES`).
struct ExternalIdentity: Hashable, Sendable {
  /// The namespace of the service.
  var namespace: String
  /// Its canonical name and revision; none where it has no such label.
  var labels: [String: String] = [:]

  /// That of a service.
  init(_ service: MeshService) {
    namespace = service.namespace
    guard let name = service.labels[WellKnownLabel.canonicalName] else { return }
    labels[WellKnownLabel.canonicalName] = name
    labels[WellKnownLabel.canonicalRevision] =
      service.labels[WellKnownLabel.canonicalRevision] ?? ""
  }
}

extension Workload.Facts {
  /// `name;namespace;service;revision;cluster`; the revision `latest` is left out.
  fileprivate func metricsName(_ external: ExternalIdentity?) -> String {
    let labels = external.map { self.labels.merging($0.labels) { $1 } } ?? self.labels
    let (service, revision) = WellKnownLabel.canonicalService(labels, name: name)
    return [
      name, external?.namespace ?? namespace, service, revision == "latest" ? "" : revision,
      cluster,
    ].joined(separator: ";")
  }
}
