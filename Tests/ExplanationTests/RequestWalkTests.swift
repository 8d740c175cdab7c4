// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import Testing

@testable import Explanation

/// Where requests go, asked of generated configuration.
struct RequestWalkTests {
  private let rule = """
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {name: rule, namespace: default}
    spec:
      hosts: [server]
      http:
      - name: jason
        match: [{headers: {end-user: {exact: jason}}}]
        route: [{destination: {host: server, subset: v2}}]
      - name: old
        match: [{uri: {prefix: /old}}]
        redirect: {authority: new.example.com, uri: /new, redirectCode: 302}
      - match: [{uri: {regex: '/x[0-9]+'}, withoutHeaders: {skip: {}}}]
        directResponse: {status: 418}
      - match: [{queryParams: {debug: {exact: 'true'}}, method: {exact: POST}}]
        fault: {abort: {percentage: {value: 50}, httpStatus: 500}}
        route: [{destination: {host: other}}]
        timeout: 3s
      - route:
        - {destination: {host: server, subset: v1}, weight: 90}
        - {destination: {host: other}, weight: 10}
    """

  private func walk(
    _ objects: String, _ url: String, _ change: (inout TrafficRequest) -> Void = { _ in }
  )
    throws -> WalkResult
  {
    var request = try TrafficRequest(url)
    change(&request)
    return RequestWalk(try SmallMesh(objects).context()).walk(request)
  }

  @Test(arguments: [
    (
      "http://server/",
      "90 outbound|80|v1|\(SmallMesh.host), 10 outbound|80||other.default.svc.cluster.local"
    ),
    ("http://server.default/old/page", "redirect 302 http://new.example.com/new"),
    ("http://server.default.svc/x12?a=b", "respond 418"),
    ("http://other", "outbound|80||other.default.svc.cluster.local"),
    ("http://10.1.0.3/", "outbound|80||other.default.svc.cluster.local"),
    ("http://elsewhere.example.com/", "PassthroughCluster"),
    ("tcp://server:9000", "outbound|9000||\(SmallMesh.host)"),
    ("https://server/", "outbound|443||\(SmallMesh.host)"),
    ("tcp://unknown.example.com:1234", "PassthroughCluster"),
  ])
  func requestsOfASidecar(url: String, target: String) throws {
    #expect(try walk(rule, url).outcome.description == target)
  }

  @Test func theFirstMatchWinsAndTheOthersSayWhyNot() throws {
    let result = try walk(rule, "http://server/?debug=true") {
      $0.method = "POST"
      $0.headers = ["End-User": "maria"]
    }
    #expect(result.outcome.clusters == ["outbound|80||other.default.svc.cluster.local"])
    let route = try #require(result.steps.first { $0.kind == .route })
    #expect(route.sources.map(\.name) == ["rule"])
    #expect(route.details.contains("timeout 3s"))
    #expect(route.details.contains("answers 50 % with 500"))
    #expect(
      route.passedOver.map(\.reason) == [
        #"header end-user must be exactly "jason"; it is "maria""#,
        #"path must begin with "/old"; it is "/""#,
        #"path must match "/x[0-9]+"; it is "/""#,
        "matches too, but stands behind route 3",
      ])
    let cluster = try #require(result.steps.last { $0.kind == .cluster })
    #expect(cluster.name == "outbound|80||other.default.svc.cluster.local")
  }

  @Test func theWayIsTheWholeWay() throws {
    let result = try walk("", "http://server/")
    #expect(
      result.steps.map(\.kind) == [
        .listener, .filterChain, .virtualHost, .route, .cluster, .endpoints,
      ])
    #expect(result.steps.map(\.name).first == "0.0.0.0_80")
    #expect(result.steps.last?.details == ["10.0.0.2:8080"])
    let passed = try #require(result.steps.first { $0.kind == .virtualHost }).passedOver
    #expect(
      passed.first { $0.name == "allow_any" }?.reason == "its domain * means server less closely")
    #expect(
      passed.first { $0.name.hasPrefix("other.") }?.reason == "none of its domains means server")
  }

  @Test func gatewaysTakeRequestsAtTheirServicesPorts() throws {
    let objects = """
      apiVersion: networking.istio.io/v1
      kind: Gateway
      metadata: {name: gw, namespace: default}
      spec:
        selector: {istio: gateway}
        servers:
        - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*.example.com']}
        - port: {number: 81, name: moved, protocol: HTTP}
          hosts: [moved.example.com]
          tls: {httpsRedirect: true}
        - port: {number: 443, name: tls, protocol: TLS}
          hosts: [pass.example.com]
          tls: {mode: PASSTHROUGH}
      ---
      apiVersion: networking.istio.io/v1
      kind: VirtualService
      metadata: {name: page, namespace: default}
      spec:
        hosts: [page.example.com, pass.example.com]
        gateways: [gw]
        http: [{route: [{destination: {host: server}}]}]
        tls:
        - match: [{port: 443, sniHosts: [pass.example.com]}]
          route: [{destination: {host: server, port: {number: 443}}}]
      """
    let walk = RequestWalk(try SmallMesh(objects).gateway)
    let ask = { (url: String) in walk.walk(try TrafficRequest(url)).outcome.description }
    #expect(try ask("http://page.example.com/") == "outbound|80||\(SmallMesh.host)")
    #expect(try ask("http://page.example.com:80/x") == "outbound|80||\(SmallMesh.host)")
    #expect(try ask("http://unknown.example.org/") == "no route")
    #expect(
      try ask("http://moved.example.com:81/a?b=c") == "redirect 301 https://moved.example.com/a?b=c"
    )
    #expect(try ask("https://pass.example.com/") == "outbound|443||\(SmallMesh.host)")
    #expect(try ask("https://other.example.com/") == "closed")
    #expect(try ask("tcp://page.example.com:5000") == "not listening")
  }

  @Test func trafficToTheWorkload() throws {
    let context = try SmallMesh().context(address: "10.0.0.2")
    var request = try TrafficRequest("http://server:8080/")
    request.direction = .inbound
    let plain = RequestWalk(context).walk(request)
    #expect(plain.outcome.description == "inbound|8080||")
    request.isMutual = true
    let mutual = RequestWalk(context).walk(request)
    #expect(mutual.outcome.description == "inbound|8080||")
    let chains = [plain, mutual].map { $0.steps.first { $0.kind == .filterChain }?.details ?? [] }
    #expect(chains[0] != chains[1])
  }

  @Test func claimsOfTheToken() throws {
    let objects = """
      apiVersion: networking.istio.io/v1
      kind: Gateway
      metadata: {name: gw, namespace: default}
      spec:
        selector: {istio: gateway}
        servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]
      ---
      apiVersion: networking.istio.io/v1
      kind: VirtualService
      metadata: {name: rule, namespace: default}
      spec:
        hosts: [server]
        gateways: [gw]
        http:
        - match: [{headers: {'@request.auth.claims.groups': {exact: admin}}}]
          route: [{destination: {host: other}}]
        - directResponse: {status: 403}
      """
    let walk = RequestWalk(try SmallMesh(objects).gateway)
    var request = try TrafficRequest("http://\(SmallMesh.host)/")
    #expect(walk.walk(request).outcome.description == "respond 403")
    request.claims = ["groups": ["user", "admin"]]
    #expect(
      walk.walk(request).outcome.clusters == ["outbound|80||other.default.svc.cluster.local"])
  }
}

/// Texts as requests.
struct TrafficRequestTests {
  @Test(arguments: [
    ("reviews", "http://reviews:80/"), ("http://a.b:9080/x?y=z#w", "http://a.b:9080/x?y=z"),
    ("https://[2001:db8::1]/", "https://[2001:db8::1]:443/"), ("tcp://db:5432", "tcp://db:5432"),
    ("http://me@host?q", "http://host:80/?q"),
  ])
  func urls(text: String, url: String) throws {
    #expect(try TrafficRequest(text).url == url)
  }

  @Test(arguments: [
    ("ftp://a", "ftp: expected http, https, tcp or tls before ://"),
    ("tcp://db", "tcp://db: expected a port, as in tcp://db:9000"),
    ("http://a:99999", "99999: expected a port from 1 to 65535"),
    ("http://:80", "Expected a host, as in http://reviews:9080/path"),
  ])
  func badURLs(text: String, problem: String) {
    #expect(throws: TrafficRequestError(description: problem)) { try TrafficRequest(text) }
  }

  @Test func authority() throws {
    #expect(try TrafficRequest("http://a:80").authority == "a")
    #expect(try TrafficRequest("http://a:81").authority == "a:81")
    var request = try TrafficRequest("http://a")
    request.headers = ["Host": "b"]
    #expect(request.authority == "b")
  }
}
