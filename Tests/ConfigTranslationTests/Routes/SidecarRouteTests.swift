// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import EnvoyAPI
import JSON
import MeshModel
import ServiceDiscovery
import Testing

struct SidecarRouteTests {
  private static let host = "server.default.svc.cluster.local"

  private func answer(
    _ objects: String, _ request: Request, settings: MeshSettings = MeshSettings()
  ) -> String? {
    ListenerWorld(objects, settings: settings).context().route("80")?.answer(request)
  }

  private func rule(_ http: String, name: String = "rule") -> String {
    """
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {name: \(name), namespace: default}
    spec:
      hosts: [server]
      http: \(http)
    """
  }

  @Test(arguments: [
    "server", "server.default", "server.default.svc", Self.host, Self.host + ".", "10.1.0.2",
  ])
  func everyNameOfAServiceReachesIt(name: String) {
    #expect(answer("", Request(host: name)) == "outbound|80||\(Self.host)")
  }

  @Test func unknownHostsPassOrAreRefused() {
    let request = Request(host: "other.example.com")
    #expect(answer("", request) == "PassthroughCluster")
    var settings = MeshSettings()
    settings.mesh.outboundTrafficPolicy = .init()
    #expect(answer("", request, settings: settings) == "respond 502")
  }

  @Test func theFirstMatchWins() {
    let rules = rule(
      """
      [{match: [{headers: {end-user: {exact: jason}}}],
        route: [{destination: {host: server, subset: v2}}]},
       {match: [{uri: {prefix: /old}}], redirect: {authority: new.example.com}},
       {match: [{uri: {regex: '/x[0-9]+'}, withoutHeaders: {skip: {}}}],
        directResponse: {status: 418}},
       {route: [{destination: {host: server, subset: v1}, weight: 90},
                {destination: {host: server, subset: v3}, weight: 10},
                {destination: {host: server, subset: v4}, weight: 0}]},
       {route: [{destination: {host: dead}}]}]
      """)
    let ask = { (path: String, headers: [String: String]) in
      answer(rules, Request(host: "server", path: path, headers: headers))
    }
    #expect(ask("/", ["end-user": "jason"]) == "outbound|80|v2|\(Self.host)")
    #expect(ask("/old/page", [:]) == "redirect new.example.com")
    #expect(ask("/x12", [:]) == "respond 418")
    let split = "90 outbound|80|v1|\(Self.host), 10 outbound|80|v3|\(Self.host)"
    #expect(ask("/x12", ["skip": "1"]) == split)
    #expect(ask("/xy", [:]) == split)
  }

  @Test func aLargeRegularExpressionTellsAPlainEnvoyHowLarge() {
    let rules = rule(
      """
      [{match: [{uri: {regex: '/[a-z]{1,60}'}}], route: [{destination: {host: server}}]},
       {match: [{uri: {regex: '/[a-z]+'}}], route: [{destination: {host: server}}]}]
      """)
    let sizes = { (metadata: JSONObject) -> [JSONValue] in
      let route = ListenerWorld(rules).context(metadata: metadata).route("80")?.json() ?? .null
      let hosts = route[path: "virtual_hosts"].array ?? []
      let host = hosts.first { $0["name"] == "server.default.svc.cluster.local:80" } ?? .null
      return [0, 1].map {
        host[path: "routes/\($0)/match/safe_regex/google_re2/max_program_size"]
      }
    }
    #expect((sizes(ListenerWorld.plain)[0].integer ?? 0) > 100)
    #expect(sizes(ListenerWorld.plain)[1] == .null)
    #expect(sizes(ListenerWorld.istio) == [.null, .null])
  }

  @Test func `a status that Envoy would refuse is sent as the highest that it has`() {
    let rules = rule(
      """
      [{match: [{uri: {prefix: /a}}], directResponse: {status: 600}},
       {fault: {abort: {httpStatus: 600}}, route: [{destination: {host: server}}]}]
      """)
    let routes = routes(of: rules)
    #expect(routes[path: "0/direct_response/status"].integer == 599)
    let fault = routes[path: "1/typed_per_filter_config"]["envoy.filters.http.fault"]
    #expect(fault?[path: "abort/http_status"].integer == 599)
  }

  @Test(arguments: [("304", "FOUND"), ("307", "TEMPORARY_REDIRECT")])
  func `a redirect has a code that Envoy has`(written: String, code: String) {
    let rules = rule("[{redirect: {authority: new.example.com, redirectCode: \(written)}}]")
    #expect(routes(of: rules)[path: "0/redirect/response_code"].string == code)
  }

  @Test func `sessions of several destinations count as in istiod`() {
    let services = ["sticky", "loose"].map { name in
      """
      apiVersion: v1
      kind: Service
      metadata:
        {name: \(name), namespace: default, labels: {\(name == "sticky"
          ? "istio.io/persistent-session" : "other"): c}}
      spec: {clusterIP: 10.1.0.\(name.count), ports: [{name: http, port: 80}]}
      ---

      """
    }.joined()
    let hasSession = { (hosts: [String]) in
      let destinations = hosts.map { "{destination: {host: \($0)}, weight: 50}" }
      let rules = rule("[{route: [\(destinations.joined(separator: ", "))]}]")
      let config = routes(
        of: services + rules, features: ["PILOT_ENABLE_PERSISTENT_SESSION_FILTER": "true"])[
          path: "0/typed_per_filter_config"
        ]
      return config["envoy.filters.http.stateful_session"] != nil
    }
    #expect(hasSession(["sticky", "sticky"]))
    #expect(hasSession(["loose", "sticky"]))
    #expect(!hasSession(["sticky", "loose"]), "what follows takes the session back")
  }

  private func routes(of objects: String, features: [String: String] = [:]) -> JSONValue {
    var settings = MeshSettings()
    settings.features = features
    let route = ListenerWorld(objects, settings: settings).context().route("80")?.json()
    let host = route?[path: "virtual_hosts"].array?.first {
      $0["name"]?.string == Self.host + ":80"
    }
    return host?["routes"] ?? .null
  }

  @Test func anyValueOfAClaimIsItsPresence() {
    let rules = rule(
      """
      [{match: [{headers: {'@request.auth.claims.a.b': {}}}], route: [{destination: {host: server}}]}]
      """)
    let hosts = ListenerWorld(rules).context().route("80")?.json()[path: "virtual_hosts"].array
    let host = hosts?.first { $0["name"] == "server.default.svc.cluster.local:80" } ?? .null
    let claim = host[path: "routes/0/match/dynamic_metadata/0"]
    #expect(claim[path: "value"] == ["present_match": true])
    #expect(claim[path: "path"] == [["key": "payload"], ["key": "a"], ["key": "b"]])
  }

  @Test func addressesAndPatternsAreNoShortNames() {
    let names = ["server", "10.0.0.1", "2001:db8::1", "*", "*x", "a.b"].map {
      resolveShortName($0, namespace: "default", settings: MeshSettings())
    }
    let suffix = ".default.svc.cluster.local"
    #expect(names == ["server" + suffix, "10.0.0.1", "2001:db8::1", "*", "*x" + suffix, "a.b"])
  }

  @Test func aRouteForOthersLeadsNowhereForANamespace() {
    let rules =
      rule(
        """
        [{match: [{sourceNamespace: far}, {uri: {prefix: /a}}], route: [{destination: {host: a}}]},
         {match: [{sourceNamespace: far}, {sourceNamespace: default}],
          route: [{destination: {host: b, port: {number: 81}}}], mirror: {host: c}},
         {route: [{destination: {host: d}}]}]
        """) + "\n  tcp: [{match: [{sourceNamespace: far}], route: [{destination: {host: e}}]}]"
    let services = ListenerWorld(rules).mesh.virtualServices.bound(to: VirtualServiceIndex.mesh)
    let hosts = { (namespace: String?) in
      services.flatMap { $0.spec.destinations(from: namespace) }.map { $0.0.text.prefix(1) }
    }
    #expect(hosts("default") == ["b", "c", "d", "e"])
    #expect(hosts("far") == ["a", "b", "c", "d", "e"])
    #expect(hosts("near") == ["d", "e"])
    #expect(hosts(nil) == ["a", "b", "c", "d", "e"])
  }

  @Test func matchesForOthersAreLeftOut() {
    let rules = rule(
      """
      [{match: [{sourceLabels: {app: other}}, {sourceNamespace: far}, {port: 81},
                {gateways: [gw]}], route: [{destination: {host: server, subset: v1}}]}]
      """)
    #expect(answer(rules, Request(host: "server")) == "outbound|80||\(Self.host)")
  }

  @Test func delegatesAreNarrowedByTheirRoots() {
    let delegate = """
      apiVersion: networking.istio.io/v1
      kind: VirtualService
      metadata: {name: part, namespace: default}
      spec:
        http:
        - match: [{uri: {prefix: /a/b}}]
          route: [{destination: {host: server, subset: b}}]
        - match: [{uri: {prefix: /elsewhere}}]
          route: [{destination: {host: server, subset: never}}]
      """
    let root = rule(
      """
      [{match: [{uri: {prefix: /a}}], delegate: {name: part}},
       {match: [{uri: {prefix: /c}}], delegate: {name: missing}},
       {route: [{destination: {host: server, subset: rest}}]}]
      """, name: "root")
    let objects = root + "\n---\n" + delegate
    let ask = { (path: String) in answer(objects, Request(host: "server", path: path)) }
    #expect(ask("/a/b/1") == "outbound|80|b|\(Self.host)")
    #expect(ask("/a/x") == "outbound|80|rest|\(Self.host)")
    #expect(ask("/elsewhere") == "outbound|80|rest|\(Self.host)")
    #expect(ask("/c") == "outbound|80|rest|\(Self.host)")
  }

  @Test func aSniffedServiceHasItsOwnConfiguration() {
    let name = "\(Self.host):7000"
    let route = ListenerWorld().context().route(name)
    #expect(route?.answer(Request(host: "anything")) == "outbound|7000||\(Self.host)")
  }

  @Test func listenersAndRoutesFitTogether() {
    let context = ListenerWorld().context()
    #expect(context.routeNames() == ["80", "\(Self.host):7000"])
    #expect(context.route("nonsense")?.answer(Request(host: "server")) == "404")
  }

  @Test func equalInputsAreTranslatedOnce() {
    let world = ListenerWorld()
    let cache = ResourceCache()
    let node = world.context().node
    let first = ProxyContext(world.mesh, node: node, cache: cache).route("80")
    let second = ProxyContext(world.mesh, node: node, cache: cache).route("80")
    #expect(first === second)
  }
}
