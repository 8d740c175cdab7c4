// SPDX-License-Identifier: Apache-2.0

import Cryptography
import HTTPClient
import HTTPServer
import JSON
import Synchronization
import Testing

@testable import Authentication

/// Keys that an issuer serves over the network.
@Suite struct RemoteTokenKeysTests {
  /// An issuer: what it answers by path, how often it was asked, and the time.
  private final class Issuer: Sendable {
    struct State {
      var answers: [String: HTTPResponse] = [:]
      var asked: [String] = []
      var now = Duration.zero
      var problems: [String] = []
    }
    let state = Mutex(State())

    var asked: [String] { state.withLock { $0.asked } }
    var problems: [String] { state.withLock { $0.problems } }

    func answer(_ path: String, _ response: HTTPResponse) {
      state.withLock { $0.answers[path] = response }
    }

    func pass(_ time: Duration) { state.withLock { $0.now += time } }

    func respond(to request: HTTPRequest) -> HTTPResponse {
      state.withLock { state in
        state.asked.append(request.path)
        return state.answers[request.path] ?? .text("no", status: 404)
      }
    }

    func keys(
      _ location: RemoteTokenKeys.Location, plaintext: Bool = true, size: Int = 1 << 20
    ) throws -> RemoteTokenKeys {
      var limits = RemoteTokenKeys.Limits()
      limits.allowsPlaintext = plaintext
      limits.size = size
      limits.timeout = .seconds(120)  // Tests beside these may keep every core busy.
      return RemoteTokenKeys(
        location, limits: limits, client: try HTTPClient(),
        clock: { self.state.withLock { $0.now } },
        report: { text in self.state.withLock { $0.problems.append(text) } })
    }
  }

  private static func jwks(_ names: String...) throws -> HTTPResponse {
    let sets = try names.map { name in
      try TokenKeySet(PrivateKey(generating: .p256).publicKey(), id: name).jwks()
    }
    let keys = sets.flatMap { $0["keys"]?.array ?? [] }
    return .text(JSONValue.object(JSONObject(distinct: [.init("keys", .array(keys))])).text())
  }

  private func withIssuer(_ body: (Issuer, String) async throws -> Void) async throws {
    let issuer = Issuer()
    let server = try HTTPServer { issuer.respond(to: $0) }
    let port = try server.listen("127.0.0.1:0").port
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      defer { server.stop() }
      try await body(issuer, "http://127.0.0.1:\(port)")
      server.stop()
      try await group.waitForAll()
    }
  }

  @Test func `keys are fetched once, and again for a key that is new`() async throws {
    try await withIssuer { issuer, url in
      issuer.answer("/keys", try Self.jwks("a"))
      let keys = try issuer.keys(.keys(url + "/keys"))
      #expect(issuer.asked.isEmpty)
      #expect(await keys.keys(for: "a").mayHold("a"))
      #expect(await keys.keys(for: nil).mayHold("a"))
      #expect(issuer.asked.count == 1)
      // Names that nobody has are no way to have the issuer asked without end.
      for _ in 0..<50 { #expect(await !keys.keys(for: "b").mayHold("b")) }
      #expect(issuer.asked.count == 1)
      issuer.answer("/keys", try Self.jwks("a", "b"))
      issuer.pass(.seconds(11))
      #expect(await keys.keys(for: "b").mayHold("b"))
      #expect(issuer.asked.count == 2)
      // A key that is taken back is believed no longer once the keys are old.
      issuer.answer("/keys", try Self.jwks("b"))
      issuer.pass(.seconds(301))
      #expect(await !keys.keys(for: "a").mayHold("a"))
      #expect(issuer.problems.isEmpty)
    }
  }

  @Test func `many tokens at a time ask once`() async throws {
    try await withIssuer { issuer, url in
      issuer.answer("/keys", try Self.jwks("a"))
      let keys = try issuer.keys(.keys(url + "/keys"))
      await withTaskGroup { group in
        for _ in 0..<64 { group.addTask { await keys.keys(for: "a").mayHold("a") } }
        for await found in group { #expect(found) }
      }
      #expect(issuer.asked.count == 1)
    }
  }

  @Test func `without an answer the last keys stay for a while, then nothing is believed`()
    async throws
  {
    try await withIssuer { issuer, url in
      issuer.answer("/keys", try Self.jwks("a"))
      let keys = try issuer.keys(.keys(url + "/keys"))
      #expect(await keys.keys(for: "a").mayHold("a"))
      issuer.answer("/keys", .text("broken", status: 500))
      issuer.pass(.seconds(301))
      #expect(await !keys.keys(for: "a").isEmpty)
      issuer.pass(.seconds(20))
      #expect(await !keys.keys(for: "a").isEmpty)
      #expect(issuer.problems.count == 1 && issuer.problems[0].contains("answers 500"))
      issuer.pass(.seconds(3600))
      #expect(await keys.keys(for: "a").isEmpty)
    }
  }

  @Test func `an issuer says where its keys are`() async throws {
    try await withIssuer { issuer, url in
      let page = "/.well-known/openid-configuration"
      issuer.answer("/k", try Self.jwks("a"))
      issuer.answer(page, .text(#"{"issuer":"\#(url)","jwks_uri":"\#(url)/k"}"#))
      #expect(try await issuer.keys(.issuer(url)).keys(for: "a").mayHold("a"))
      // A configuration of another issuer, or none, leads nowhere.
      for text in [
        #"{"issuer":"http://other","jwks_uri":"\#(url)/k"}"#, "[]", #"{"issuer":"\#(url)"}"#,
      ] {
        issuer.answer(page, .text(text))
        #expect(try await issuer.keys(.issuer(url)).keys(for: "a").isEmpty, "\(text)")
      }
    }
  }

  @Test func `what is not the keys themselves is refused`() async throws {
    try await withIssuer { issuer, url in
      issuer.answer("/good", try Self.jwks("a"))
      var redirect = HTTPResponse.text("", status: 302)
      redirect.headers["Location"] = url + "/good"
      issuer.answer("/redirect", redirect)
      issuer.answer("/large", .text(String(repeating: " ", count: 5000) + "{\"keys\":[]}"))
      for page in ["/redirect", "/large", "/missing"] {
        let keys = try issuer.keys(.keys(url + page), size: 4096)
        #expect(await keys.keys(for: "a").isEmpty)
      }
      #expect(issuer.asked == ["/redirect", "/large", "/missing"])
      let plain = try issuer.keys(.keys(url + "/good"), plaintext: false)
      #expect(await plain.keys(for: "a").isEmpty)
      for other in ["ftp://127.0.0.1/keys", "file:///etc/passwd", "", "keys"] {
        #expect(await (try issuer.keys(.keys(other)).keys(for: "a")).isEmpty)
      }
      #expect(issuer.asked.count == 3 && issuer.problems.count == 8)
    }
  }

  @Test(arguments: [
    "169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "[fd00:ec2::254]",
    "100.100.100.200", "168.63.129.16", "[64:ff9b::a9fe:a9fe]", "0.0.0.0", "[::]",
  ])
  func `services for machines are never connected to`(address: String) async throws {
    let issuer = Issuer()
    let keys = try issuer.keys(.keys("http://\(address):9/keys"))
    #expect(await keys.keys(for: "a").isEmpty)
    let problem = try #require(issuer.problems.first)
    #expect(
      problem.contains("ould not connect") || problem.contains("Couldn't connect"), "\(problem)")
  }
}
