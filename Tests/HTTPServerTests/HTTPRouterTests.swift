// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTPServer
import Testing

/// Every story is told twice: to the router in memory, and over a socket.
@Suite struct HTTPRouterTests {
  enum Way: CaseIterable, Sendable {
    case memory
    case socket
  }

  func with(
    _ way: Way, _ build: (inout HTTPRouter) -> Void,
    _ body: (any TestClient) async throws -> Void
  ) async throws {
    var router = HTTPRouter()
    build(&router)
    switch way {
    case .memory: try await body(MemoryClient(router: router))
    case .socket:
      let finished = router
      try await withServer(.init(), { await finished.respond(to: $0) }) { _, port in
        try await body(SocketClient(port: port))
      }
    }
  }

  @Test(arguments: Way.allCases) func paths(way: Way) async throws {
    try await with(way) { router in
      router.on(.get, "/ready") { _ in .text("ready") }
      router.onPrefix(.get, "/debug/") { .text("debug " + $0.path) }
      router.onPrefix(.get, "/debug/deep/") { _ in .text("deep") }
    } _: { (client) async throws in
      #expect(try await client.ask(.get, "/ready").text == "ready")
      #expect(try await client.ask(.get, "/debug/syncz?x=1").text == "debug /debug/syncz")
      #expect(try await client.ask(.get, "/debug/deep/er").text == "deep")
      #expect(try await client.ask(.get, "/debug%2Fa%20b").text == "debug /debug/a b")
      #expect(try await client.ask(.get, "http://host/ready").text == "ready")
      #expect(try await client.ask(.get, "/ready/").status == 404)
      #expect(try await client.ask(.get, "/debug").status == 404)
    }
  }

  @Test(arguments: Way.allCases) func methods(way: Way) async throws {
    try await with(way) { router in
      router.on(.get, "/thing") { _ in .text("a thing") }
      router.on(.post, "/thing") { HTTPResponse(contentType: "a/b", bytes: $0.body.reversed()) }
    } _: { (client) async throws in
      let refused = try await client.ask(.delete, "/thing")
      #expect(refused.status == 405 && refused.headers["allow"] == "GET, HEAD, POST")
      let posted = try await client.ask(.post, "/thing", body: [1, 2, 3])
      #expect(posted.body == [3, 2, 1] && posted.headers["content-type"] == "a/b")
      let head = try await client.ask(.head, "/thing")
      #expect(head.status == 200 && head.body.isEmpty)
      #expect(head.headers["content-type"] == "text/plain; charset=utf-8")
    }
  }

  @Test(arguments: Way.allCases) func queries(way: Way) async throws {
    try await with(way) { router in
      router.on(.get, "/q") { request in
        .text(request.query.map { "\($0.name)=\($0.value)" }.joined(separator: "|"))
      }
    } _: { (client) async throws in
      let target = "/q?proxyID=a%2Eb.c&x&sp=a+b%2B&bad=%zz&x=2&=v&u=%C3%A9"
      #expect(
        try await client.ask(.get, target).text == "proxyID=a.b.c|x=|sp=a b+|x=2|=v|u=é")
      #expect(try await client.ask(.get, "/q").text == "")
    }
  }

  @Test func brokenTargetsAreNoRequests() {
    #expect(HTTPRequest(.get, "/%") == nil)
    #expect(HTTPRequest(.get, "/%4") == nil)
    #expect(HTTPRequest(.get, "/%FF") == nil)
  }

  @Test(arguments: [
    ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true),
    ("10.0.0.1", false), ("::ffff:10.0.0.1", false), ("1270.0.0.1", false), ("", false),
  ])
  func loopback(address: String, isLoopback: Bool) {
    #expect(HTTPPeer(address: address, port: 1).isLoopback == isLoopback)
  }

  @Test func headersIgnoreCase() {
    var headers: HTTPHeaders = ["Content-Type": "a", "X": "1"]
    headers["content-TYPE"] = "b"
    headers.add("x", "2")
    #expect(headers["CONTENT-type"] == "b" && headers["x"] == "1" && headers["y"] == nil)
    headers["X"] = nil
    #expect(headers.fields.count == 1)
  }
}
