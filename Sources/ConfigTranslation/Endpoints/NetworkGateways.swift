// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// The gateways that lead into the networks of the mesh.
struct NetworkGateways: Hashable, Sendable {
  /// One address of a gateway.
  struct Gateway: Hashable, Sendable, Comparable {
    /// Where it is: an IP, or a name.
    var address: String
    /// The port that takes TLS and sends it on by its SNI.
    var port: UInt32
    /// The network that it leads into.
    var network: String
    /// The cluster that it is in; empty where it is not known.
    var cluster: String

    static func < (left: Gateway, right: Gateway) -> Bool {
      (left.address, left.port) < (right.address, right.port)
    }
  }

  private var byNetwork: [String: [Gateway]] = [:]
  /// What weights are multiplied with, so that they can be shared out among gateways.
  private(set) var scale: UInt32 = 1

  /// No gateways.
  init() {}

  /// The gateways of MeshNetworks and of services with the label `topology.istio.io/network`.
  ///
  /// - Parameter namesAllowed: Whether gateways count whose address is a name.
  init(_ mesh: MeshSnapshot, namesAllowed: Bool) {
    var found: Set<Gateway> = []
    let settings = mesh.settings
    for (network, description) in settings.networks.networks {
      for gateway in description.gateways {
        if case .address(let address) = gateway.gw {
          found.insert(
            Gateway(address: address, port: gateway.port, network: network, cluster: ""))
        }
      }
    }
    for service in mesh.networkServices {
      found.formUnion(NetworkGateways.gateways(of: service, settings))
    }
    if !namesAllowed { found = found.filter { IPAddress($0.address) != nil } }
    byNetwork = Dictionary(grouping: found, by: \.network).mapValues { $0.sorted() }
    let byCluster = Dictionary(grouping: found) { [$0.network, $0.cluster] }
    let counts = byNetwork.values.map(\.count) + byCluster.values.map(\.count)
    scale = UInt32(counts.reduce(1, NetworkGateways.leastCommonMultiple))
  }

  /// Whether there is only one network.
  var isEmpty: Bool { byNetwork.isEmpty }

  /// The gateways into a network: those of the endpoint's cluster, else all.
  func leading(to network: String, cluster: String) -> [Gateway] {
    let all = byNetwork[network] ?? []
    let near = all.filter { $0.cluster == cluster }
    return (near.isEmpty ? all : near).filter { $0.port != 0 }
  }

  private static func gateways(of service: MeshService, _ settings: MeshSettings) -> [Gateway] {
    let addresses = service.externalAddresses[settings.cluster] ?? []
    let nodePorts = service.nodePorts[settings.cluster] ?? [:]
    let ways = ports(of: service, settings)
    return addresses.flatMap { address in
      ways.map { network, port in
        Gateway(
          address: address, port: nodePorts[port] ?? port, network: network,
          cluster: settings.cluster)
      }
    }
  }

  /// The networks that a service leads into, with its port for each.
  private static func ports(
    of service: MeshService, _ settings: MeshSettings
  ) -> [(network: String, port: UInt32)] {
    if let network = service.labels[WellKnownLabel.network], !network.isEmpty {
      let port = service.labels["networking.istio.io/gatewayPort"].flatMap { UInt32($0) } ?? 15443
      return service.port(number: port) == nil ? [] : [(network, port)]
    }
    return settings.networks.networks.flatMap {
      name, network -> [(network: String, port: UInt32)] in
      let isOfThisCluster = network.endpoints.contains(.fromRegistry(settings.cluster))
      guard isOfThisCluster else { return [] }
      return network.gateways.filter { $0.gw == .registryServiceName(service.hostname.text) }
        .map { (name, $0.port) }
    }
  }

  private static func leastCommonMultiple(_ one: Int, _ other: Int) -> Int {
    var (large, small) = (one, other)
    while small != 0 { (large, small) = (small, large % small) }
    return one / large * other
  }
}

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
