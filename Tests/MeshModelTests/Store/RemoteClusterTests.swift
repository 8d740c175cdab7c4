// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery
import Testing

/// Services of several clusters.
struct RemoteClusterTests {
  typealias F = StoreFixture

  private static func fixture() throws -> F {
    var fixture = F()
    try fixture.apply([F.service(), F.pod("10.1.0.1"), F.slice("reviews", ["10.1.0.1"])])
    return fixture
  }

  private static func addresses(_ fixture: F, _ key: ServiceKey = F.reviews) -> [String] {
    (fixture.store.snapshot?.registry.endpointsByService[key] ?? []).flatMap(\.addresses)
  }

  private static func remote() throws -> [SourcedObject] {
    try [
      F.service(clusterIP: "10.9.0.1"), F.service("far", clusterIP: "10.9.0.2"),
      F.pod("10.2.0.1"), F.slice("reviews", ["10.2.0.1"]),
    ].map(F.object)
  }

  @Test("services of one name are one, with the addresses and endpoints of each cluster")
  func merged() throws {
    var fixture = try Self.fixture()
    #expect(!fixture.store.apply(.all(try Self.remote()), of: "east").isEmpty)
    let registry = try #require(fixture.store.snapshot?.registry)
    let service = try #require(registry.service(F.reviews))
    #expect(service.addresses == ["Kubernetes": ["10.0.0.1"], "east": ["10.9.0.1"]])
    #expect(registry.services.count == 2)
    #expect(Self.addresses(fixture) == ["10.1.0.1", "10.2.0.1"])
    let clusters = registry.endpointsByService[F.reviews]?.map(\.workload.facts.cluster)
    #expect(clusters == ["Kubernetes", "east"])
  }

  @Test("the order in which clusters come makes no difference")
  func order() throws {
    var (one, other) = (try Self.fixture(), try Self.fixture())
    for cluster in ["east", "west"] { _ = one.store.apply(.all(try Self.remote()), of: cluster) }
    for cluster in ["west", "east"] { _ = other.store.apply(.all(try Self.remote()), of: cluster) }
    let (left, right) = (one.store.snapshot?.registry, other.store.snapshot?.registry)
    #expect(left?.services == right?.services)
    #expect(left?.endpointsByService == right?.endpointsByService)
  }

  @Test("a change of endpoints there is a change of endpoints here, and of nothing else")
  func endpoints() throws {
    var fixture = try Self.fixture()
    _ = fixture.store.apply(.all(try Self.remote()), of: "east")
    let more = SourceTransaction(
      upserts: try [F.pod("10.2.0.2"), F.slice("reviews", ["10.2.0.1", "10.2.0.2"])].map(F.object))
    let change = fixture.store.apply(.part(more), of: "east")
    #expect(change.endpoints == [F.reviews])
    #expect(Self.addresses(fixture) == ["10.1.0.1", "10.2.0.1", "10.2.0.2"])
    #expect(fixture.store.apply(.part(more), of: "east").isEmpty, "said again it is no change")
  }

  @Test("all said anew takes away what is not among it, and what is the same is no change")
  func replaced() throws {
    var fixture = try Self.fixture()
    _ = fixture.store.apply(.all(try Self.remote()), of: "east")
    #expect(fixture.store.apply(.all(try Self.remote()), of: "east").isEmpty)
    let change = fixture.store.apply(.all(try Self.remote().dropLast()), of: "east")
    #expect(change.removesEndpoints && Self.addresses(fixture) == ["10.1.0.1"])
  }

  @Test("a cluster that goes takes its own with it, and nothing of others")
  func gone() throws {
    var fixture = try Self.fixture()
    let before = try #require(fixture.store.snapshot?.registry)
    _ = fixture.store.apply(.all(try Self.remote()), of: "east")
    _ = fixture.store.apply(.all(try Self.remote()), of: "west")
    _ = fixture.store.apply(.gone, of: "east")
    #expect(Self.addresses(fixture) == ["10.1.0.1", "10.2.0.1"])
    _ = fixture.store.apply(.gone, of: "west")
    let after = try #require(fixture.store.snapshot?.registry)
    #expect(after.services == before.services)
    #expect(after.endpointsByService == before.endpointsByService)
    #expect(fixture.store.apply(.gone, of: "north").isEmpty)
  }

  @Test("what is told before the own cluster has been read waits for it")
  func early() throws {
    var fixture = F()
    #expect(fixture.store.apply(.all(try Self.remote()), of: "east").isEmpty)
    try fixture.apply([F.service(), F.pod("10.1.0.1"), F.slice("reviews", ["10.1.0.1"])])
    #expect(Self.addresses(fixture) == ["10.1.0.1", "10.2.0.1"])
  }

  @Test("a proxy is looked for in its own cluster")
  func place() throws {
    var fixture = try Self.fixture()
    _ = fixture.store.apply(.all(try Self.remote()), of: "east")
    let registry = try #require(fixture.store.snapshot?.registry)
    var place = ProxyPlace(addresses: ["10.2.0.1"], namespace: "default")
    #expect(registry.pod(of: place) == nil)
    place.cluster = "east"
    #expect(registry.pod(of: place)?.workload.facts.cluster == "east")
  }
}
