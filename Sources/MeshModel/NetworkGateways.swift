// SPDX-License-Identifier: Apache-2.0

import Configuration
import ServiceDiscovery

/// The gateways that lead into the networks of the mesh.
public struct NetworkGateways: Hashable, Sendable {
  /// One address of a gateway.
  public struct Gateway: Hashable, Sendable, Comparable {
    /// Where it is: an IP, or a name.
    public var address: String
    /// The port that takes TLS and sends it on by its SNI.
    public var port: UInt32
    /// The network that it leads into.
    public var network: String
    /// The cluster that it is in; empty where it is not known.
    public var cluster: String

    /// By address, then by port (istiod's order), then by cluster.
    public static func < (left: Gateway, right: Gateway) -> Bool {
      (left.address, left.port, left.cluster) < (right.address, right.port, right.cluster)
    }
  }

  private var byNetwork: [String: [Gateway]] = [:]
  /// What weights are multiplied with, so that they can be shared out among gateways.
  public private(set) var scale: UInt32 = 1

  /// No gateways.
  public init() {}

  /// These gateways.
  private init(_ gateways: Set<Gateway>) {
    byNetwork = Dictionary(grouping: gateways, by: \.network).mapValues { $0.sorted() }
    let byCluster = Dictionary(grouping: gateways) { [$0.network, $0.cluster] }
    let counts = byNetwork.values.map(\.count) + byCluster.values.map(\.count)
    scale = UInt32(counts.reduce(1, NetworkGateways.leastCommonMultiple))
  }

  /// The gateways of MeshNetworks and of services with the label `topology.istio.io/network`, as
  /// they are written: addresses may be names.
  init(_ settings: MeshSettings, services: [MeshService]) {
    var found: Set<Gateway> = []
    for (network, description) in settings.networks.networks {
      for gateway in description.gateways {
        if case .address(let address) = gateway.gw, !address.isEmpty {
          found.insert(
            Gateway(address: address, port: gateway.port, network: network, cluster: ""))
        }
      }
    }
    for service in services { found.formUnion(NetworkGateways.gateways(of: service, settings)) }
    self.init(found)
  }

  /// These gateways with the addresses of names in their place; a name without any is left out.
  func resolved(_ addresses: [String: [String]]) -> NetworkGateways {
    let all = byNetwork.values.joined().flatMap { gateway -> [Gateway] in
      guard IPAddress(gateway.address) == nil else { return [gateway] }
      return (addresses[gateway.address] ?? []).map { address in
        var gateway = gateway
        gateway.address = address
        return gateway
      }
    }
    return NetworkGateways(Set(all))
  }

  /// The addresses that are names, which DNS is to be asked for.
  public var names: Set<String> {
    Set(byNetwork.values.joined().map(\.address).filter { IPAddress($0) == nil })
  }

  /// The networks that have gateways here.
  var networks: Set<String> { Set(byNetwork.keys) }

  /// All gateways into a network, in order.
  func gateways(into network: String) -> [Gateway] { byNetwork[network] ?? [] }

  /// Whether there is only one network.
  public var isEmpty: Bool { byNetwork.isEmpty }

  /// The gateways into a network: those of the endpoint's cluster, else all.
  public func leading(to network: String, cluster: String) -> [Gateway] {
    let all = byNetwork[network] ?? []
    let near = all.filter { $0.cluster == cluster }
    return (near.isEmpty ? all : near).filter { $0.port != 0 }
  }

  private static func gateways(of service: MeshService, _ settings: MeshSettings) -> [Gateway] {
    service.externalAddresses.flatMap { cluster, addresses -> [Gateway] in
      let nodePorts = service.nodePorts[cluster] ?? [:]
      let ways = ports(of: service, in: cluster, settings)
      return addresses.flatMap { address in
        ways.map { network, port in
          Gateway(
            address: address, port: nodePorts[port] ?? port, network: network, cluster: cluster)
        }
      }
    }
  }

  /// The networks that a service leads into, with its port for each.
  private static func ports(
    of service: MeshService, in cluster: String, _ settings: MeshSettings
  ) -> [(network: String, port: UInt32)] {
    if let network = service.labels[WellKnownLabel.network], !network.isEmpty {
      let port = service.labels["networking.istio.io/gatewayPort"].flatMap { UInt32($0) } ?? 15443
      return service.port(number: port) == nil ? [] : [(network, port)]
    }
    return settings.networks.networks.flatMap {
      name, network -> [(network: String, port: UInt32)] in
      guard network.endpoints.contains(.fromRegistry(cluster)) else { return [] }
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
