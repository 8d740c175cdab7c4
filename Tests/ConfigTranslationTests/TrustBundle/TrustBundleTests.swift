// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import EnvoyAPI
import JSON
import MeshModel
import Testing

struct TrustBundleTests {
  @Test func severalRootsAreServedToAgentsAndOneIsNot() throws {
    #expect(ListenerWorld().context(address: "10.0.0.2").trustBundle() == nil)
    var settings = MeshSettings()
    settings.trustBundle = ["one", "two"]
    let world = ListenerWorld(settings: settings)
    let resource = try #require(world.context(address: "10.0.0.2").trustBundle())
    #expect(resource.type == .proxyConfig)
    let text = resource.json().text()
    #expect(text.contains("one") && text.contains("two"), "\(text)")
  }
}
