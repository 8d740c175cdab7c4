// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import EnvoyAPI
import JSON
import Testing

/// Routes as a gRPC application without a proxy asks for them.
struct ProxylessRouteTests {
  private static let host = "server.default.svc.cluster.local"

  private func context(_ objects: String = "") -> ProxyContext {
    ListenerWorld(objects).context(
      metadata: JSONObject(distinct: [
        .init("ISTIO_VERSION", "1.30.3"), .init("GENERATOR", "grpc"),
      ]))
  }

  @Test(arguments: ["server", "server:80", host, host + ":80", "10.1.0.2:80"])
  func aClusterNameIsTheNameOfItsRoutes(name: String) throws {
    let routes = try #require(context().route("outbound|80||\(Self.host)"))
    #expect(routes.name == "outbound|80||\(Self.host)")
    #expect(routes.answer(Request(host: name)) == "outbound|80||\(Self.host)")
  }

  @Test func rulesCount() {
    let routes = context(
      """
      apiVersion: networking.istio.io/v1
      kind: VirtualService
      metadata: {name: rule, namespace: default}
      spec:
        hosts: [server]
        http: [{route: [{destination: {host: server, subset: v2}}]}]
      """
    ).route("outbound|80||\(Self.host)")
    #expect(routes?.answer(Request(host: "server:80")) == "outbound|80|v2|\(Self.host)")
  }

  @Test func nothingIsPassedThrough() {
    let routes = context().route("outbound|80||\(Self.host)")
    #expect(routes?.answer(Request(host: "other.example.com")) == "404")
  }

  @Test func otherNamesAreNotAnswered() {
    #expect(context().route("80") == nil)
  }
}
