// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery
import Testing

/// What the addresses of names of network gateways change.
struct GatewayAddressTests {
  typealias F = StoreFixture

  /// A store with a service in network `west`, one in `east`, and a gateway into `east` by name.
  private func fixture() throws -> F {
    var fixture = F()
    var settings = MeshSettings()
    var east = Istio.Mesh.Network()
    var gateway = Istio.Mesh.Network.IstioNetworkGateway()
    gateway.gw = .address("east.example.com")
    gateway.port = 15443
    east.gateways = [gateway]
    settings.networks.networks = ["east": east]
    _ = fixture.store.set(settings)
    try fixture.apply([entry("east"), entry("west")])
    return fixture
  }

  private func entry(_ network: String) -> String {
    """
    {"apiVersion":"networking.istio.io/v1","kind":"ServiceEntry","metadata":{"name":"\(network)"},
     "spec":{"hosts":["\(network).test"],"resolution":"STATIC",
     "ports":[{"number":80,"name":"http"}],
     "endpoints":[{"address":"10.1.1.1","network":"\(network)"}]}}
    """
  }

  private func key(_ network: String) -> ServiceKey {
    ServiceKey(Hostname(valid: "\(network).test"), namespace: "default")
  }

  @Test func `names are to be resolved, and lead nowhere before they are`() throws {
    let snapshot = try #require(fixture().store.snapshot)
    #expect(snapshot.writtenGateways.names == ["east.example.com"])
    #expect(snapshot.networkGateways.isEmpty)
    #expect(snapshot.writtenGateways.leading(to: "east", cluster: "").count == 1)
  }

  @Test func `addresses change endpoints and nothing else`() throws {
    var fixture = try fixture()
    let before = try #require(fixture.store.snapshot)
    let first = fixture.store.set(gatewayAddresses: ["east.example.com": ["192.0.2.1"]])
    #expect(!first.configuration && !first.isEverything)
    #expect(first.endpoints == [key("east"), key("west")], "there are networks from now on")
    let snapshot = try #require(fixture.store.snapshot)
    #expect(snapshot.generation > before.generation)
    #expect(
      snapshot.networkGateways.leading(to: "east", cluster: "").map(\.address) == ["192.0.2.1"])
    let moved = fixture.store.set(gatewayAddresses: ["east.example.com": ["192.0.2.2"]])
    #expect(moved.endpoints == [key("east")])
    #expect(moved.removesEndpoints)
  }

  @Test func `a second address scales every weight`() throws {
    var fixture = try fixture()
    _ = fixture.store.set(gatewayAddresses: ["east.example.com": ["192.0.2.1"]])
    let change = fixture.store.set(
      gatewayAddresses: ["east.example.com": ["192.0.2.1", "192.0.2.2"]])
    #expect(change.endpoints == [key("east"), key("west")])
    #expect(!change.removesEndpoints)
    #expect(fixture.store.snapshot?.networkGateways.scale == 2)
  }

  @Test func `equal addresses are no change, and stay through other edits`() throws {
    var fixture = try fixture()
    let addresses = ["east.example.com": ["192.0.2.1"]]
    _ = fixture.store.set(gatewayAddresses: addresses)
    let outcome1 = fixture.store.set(gatewayAddresses: addresses)
    #expect(outcome1.isEmpty)
    try fixture.apply([F.service(), F.slice("reviews", ["10.1.1.9"])])
    try fixture.apply([F.slice("reviews", ["10.1.1.8"])])
    #expect(fixture.store.snapshot?.networkGateways.networksWithGateways == 1)
  }
}

extension NetworkGateways {
  fileprivate var networksWithGateways: Int { leading(to: "east", cluster: "").count }
}
