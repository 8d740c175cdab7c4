// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery
import Testing

/// The laws of the store.
struct MeshStoreTests {
  typealias F = StoreFixture

  @Test("Nothing is served before the source has synced; then all of it at once")
  func nothingBeforeSync() throws {
    var fixture = F()
    #expect(try fixture.apply([F.service()], synced: false).isEmpty)
    #expect(fixture.store.snapshot == nil)
    let change = try fixture.apply([F.route()])
    #expect(change.isEverything)
    let snapshot = try #require(fixture.store.snapshot)
    #expect(snapshot.registry.services.count == 1)
    #expect(snapshot.config.virtualServices.all.count == 1)
  }

  @Test("An equal upsert is no change")
  func equalUpsert() throws {
    var fixture = F()
    try fixture.apply([F.service(), F.route()])
    let before = try #require(fixture.store.snapshot)
    #expect(try fixture.apply([F.route(), F.service()]).isEmpty)
    #expect(fixture.store.snapshot === before)
    #expect(fixture.store.generation(of: F.key(Istio.VirtualService.kind, "reviews")) == 1)
  }

  @Test("An object that cannot be used keeps its last valid version serving, and is said")
  func lastGood() throws {
    var fixture = F()
    try fixture.apply([F.service(), F.route(to: "v2")])
    let before = try #require(fixture.store.snapshot)
    let broken = F.route().replacing("\"route\"", with: "\"rout\"")
    #expect(try fixture.apply([broken]).isEmpty)
    #expect(fixture.store.snapshot === before)
    let said = try #require(fixture.store.diagnostics.first)
    #expect(said.effect == .rejected)
    #expect(said.field == "spec.http[0].rout")
    #expect(said.origin == ObjectOrigin(file: "a.yaml", line: 7))
    #expect(said.since == 3)
    try fixture.apply([broken])
    #expect(fixture.store.diagnostics.first?.since == 3, "it stands since it was said first")
    try fixture.apply([F.route(to: "v2")])
    #expect(fixture.store.diagnostics.isEmpty)
  }

  @Test("An object that never was valid is said and not served")
  func neverValid() throws {
    var fixture = F()
    try fixture.apply([F.route().replacing("\"hosts\"", with: "\"hsots\"")])
    #expect(fixture.store.snapshot?.config.virtualServices.all.isEmpty == true)
    #expect(fixture.store.diagnostics.contains { $0.effect == .rejected })
  }

  @Test("New endpoints of a service touch its endpoints only")
  func endpointScope() throws {
    var fixture = F()
    try fixture.apply([
      F.service(), F.service("other", clusterIP: "10.0.0.2"), F.pod("10.1.0.1"), F.pod("10.1.0.2"),
    ])
    let first = try fixture.apply([F.slice("reviews", ["10.1.0.1"])])
    #expect(first.configuration, "clusters name the identities of a service's endpoints")
    let change = try fixture.apply([F.slice("reviews", ["10.1.0.1", "10.1.0.2"])])
    #expect(!change.configuration)
    #expect(change.endpoints == [F.reviews])
    #expect(!change.removesEndpoints)
    let less = try fixture.apply([F.slice("reviews", [])])
    #expect(!less.configuration)
    #expect(less.endpoints == [F.reviews])
    #expect(less.removesEndpoints)
  }

  @Test("Endpoints of a headless service have listeners, so they are configuration")
  func headlessEndpoints() throws {
    var fixture = F()
    try fixture.apply([F.service(clusterIP: "None"), F.pod("10.1.0.1")])
    #expect(try fixture.apply([F.slice("reviews", ["10.1.0.1"])]).configuration)
  }

  @Test("A Pod's state touches endpoints, its labels the proxy's configuration")
  func podScope() throws {
    var fixture = F()
    try fixture.apply([F.service(), F.pod("10.1.0.1"), F.slice("reviews", ["10.1.0.1"])])
    let relabelled = try fixture.apply([F.pod("10.1.0.1", label: "y")])
    #expect(relabelled.configuration)
    #expect(relabelled.endpoints == [F.reviews])
  }

  @Test("A removal takes the object out, and with a Service its endpoints")
  func removal() throws {
    var fixture = F()
    try fixture.apply([
      F.service(), F.pod("10.1.0.1"), F.slice("reviews", ["10.1.0.1"]), F.route(),
    ])
    let change = try fixture.apply(removing: [
      F.key(Kubernetes.Service.kind, "reviews"), F.key(Istio.VirtualService.kind, "reviews"),
    ])
    #expect(change.configuration && change.removesEndpoints)
    let snapshot = try #require(fixture.store.snapshot)
    #expect(snapshot.registry.services.isEmpty)
    #expect(snapshot.config.virtualServices.all.isEmpty)
    #expect(try fixture.apply(removing: [F.key(Istio.Gateway.kind, "absent")]).isEmpty)
  }

  @Test("An incremental snapshot has the endpoints of one that is made at once")
  func incrementalEqualsFull() throws {
    let objects = [
      F.service(), F.service("other", clusterIP: "10.0.0.2"), F.pod("10.1.0.1"), F.pod("10.1.0.2"),
      F.slice("reviews", ["10.1.0.1", "10.1.0.2"]), F.slice("other", ["10.1.0.2"]),
    ]
    var full = F()
    try full.apply(objects)
    for offset in objects.indices {
      var steps = F()
      try steps.apply()
      for index in objects.indices {
        try steps.apply([objects[(index + offset) % objects.count]])
      }
      #expect(
        steps.store.snapshot?.registry.endpointsByService
          == full.store.snapshot?.registry.endpointsByService)
      #expect(steps.store.snapshot?.registry.services == full.store.snapshot?.registry.services)
    }
  }

  @Test("Other settings of the mesh make everything new; equal ones nothing")
  func settings() throws {
    var fixture = F()
    try fixture.apply([F.service()])
    #expect(fixture.store.set(MeshSettings()).isEmpty)
    var other = MeshSettings()
    other.mesh.trustDomain = "example.org"
    #expect(fixture.store.set(other).isEverything)
    #expect(fixture.store.snapshot?.settings.mesh.trustDomain == "example.org")
  }

  @Test("An object of another revision has no effect")
  func revision() throws {
    var fixture = F()
    let canary = F.route().replacing(
      "\"name\":\"reviews\"", with: "\"name\":\"reviews\",\"labels\":{\"istio.io/rev\":\"canary\"}")
    try fixture.apply([canary])
    #expect(fixture.store.snapshot?.config.virtualServices.all.isEmpty == true)
  }

  @Test("What has no effect yet is said")
  func notYetTranslated() throws {
    var fixture = F()
    try fixture.apply([
      """
      {"apiVersion":"networking.istio.io/v1alpha3","kind":"EnvoyFilter",
       "metadata":{"name":"f"},"spec":{}}
      """
    ])
    #expect(fixture.store.diagnostics.map(\.effect) == [.noEffect, .warning])
  }

  @Test("A field that has no effect yet is said, of an object and of the mesh")
  func fieldsNotYetTranslated() throws {
    var fixture = F()
    try fixture.apply([
      """
      {"apiVersion":"networking.istio.io/v1","kind":"DestinationRule",
       "metadata":{"name":"d"},"spec":{"host":"reviews","subsets":[{"name":"v1",
       "trafficPolicy":{"retryBudget":{"budgetInterval":"10s"}}}]}}
      """
    ])
    #expect(
      fixture.store.diagnostics.map(\.field) == [
        "spec.subsets[0].trafficPolicy.retryBudget.budgetInterval"
      ])
    var settings = MeshSettings()
    settings.mesh.verifyCertificateAtClient = false
    _ = fixture.store.set(settings)
    let ofMesh = fixture.store.diagnostics.filter { $0.origin.file == "MeshConfig" }
    #expect(ofMesh.map(\.field) == ["verifyCertificateAtClient"])
  }
}
