// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery
import Testing

/// `discoverySelectors`: which namespaces count at all.
struct NamespaceSelectionTests {
  typealias F = StoreFixture

  private func namespace(labels: String) -> String {
    """
    {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default","labels":{\(labels)}}}
    """
  }

  private func settings(selecting label: String?) throws -> MeshSettings {
    var settings = MeshSettings()
    guard let label else { return settings }
    var selector = Istio.Mesh.LabelSelector()
    selector.matchLabels = ["mesh": label]
    settings.mesh.discoverySelectors = [selector]
    return settings
  }

  @Test("Objects of a namespace count once its labels are selected, and no longer than that")
  func labels() throws {
    var fixture = F()
    _ = fixture.store.set(try settings(selecting: "in"))
    try fixture.apply([namespace(labels: ""), F.service(), F.route()])
    let empty = try #require(fixture.store.snapshot)
    #expect(empty.registry.services.isEmpty)
    #expect(empty.config.virtualServices.all.isEmpty)

    let joined = try fixture.apply([namespace(labels: #""mesh":"in""#)])
    #expect(joined.isEverything)
    let full = try #require(fixture.store.snapshot)
    #expect(full.registry.services.count == 1)
    #expect(full.config.virtualServices.all.count == 1)

    #expect(try fixture.apply([namespace(labels: #""mesh":"out""#)]).isEverything)
    let left = try #require(fixture.store.snapshot)
    #expect(left.registry.services.isEmpty)
    #expect(left.config.virtualServices.all.isEmpty)
  }

  @Test("An edit in a namespace that does not count is no change")
  func passedOver() throws {
    var fixture = F()
    _ = fixture.store.set(try settings(selecting: "in"))
    try fixture.apply([namespace(labels: ""), F.service(), F.route()])
    #expect(try fixture.apply([F.route(to: "v2"), F.service("ratings")]).isEmpty)
    #expect(try fixture.apply([], removing: [F.key(Istio.VirtualService.kind, "reviews")]).isEmpty)
  }

  @Test("The selectors of the mesh are live")
  func selectors() throws {
    var fixture = F()
    try fixture.apply([namespace(labels: #""mesh":"in""#), F.service()])
    #expect(fixture.store.snapshot?.registry.services.count == 1)
    #expect(fixture.store.set(try settings(selecting: "other")).isEverything)
    #expect(fixture.store.snapshot?.registry.services.isEmpty == true)
    #expect(fixture.store.set(try settings(selecting: nil)).isEverything)
    #expect(fixture.store.snapshot?.registry.services.count == 1)
  }
}
