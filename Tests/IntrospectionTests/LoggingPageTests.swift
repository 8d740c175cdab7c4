// SPDX-License-Identifier: Apache-2.0

import HTTPServer
import JSON
import Logging
import Testing

@testable import Introspection

struct LoggingPageTests {
  private let logs: LogSystem

  init() throws {
    logs = try LogSystem(sinks: [MemoryLogSink()])
    _ = logs.scope("ads", "xDS streams")
    _ = logs.scope("push")
  }

  private func ask(
    _ method: HTTPMethod, _ target: String, from address: String = "127.0.0.1"
  ) async throws -> HTTPResponse {
    var sources = SampleMesh().sources
    sources.logs = logs
    var router = HTTPRouter()
    DebugPages(sources).register(on: &router)
    let peer = HTTPPeer(address: address, port: 4711)
    return await router.respond(to: try #require(HTTPRequest(method, target, peer: peer)))
  }

  private func levels(_ response: HTTPResponse) throws -> [String: String] {
    let rows = try JSONValue(parsing: response.bodyBytes).array ?? []
    return Dictionary(
      rows.map { ($0["name"]?.string ?? "", $0["output_level"]?.string ?? "") }
    ) { $1 }
  }

  @Test func levelsAreShownAndSet() async throws {
    let before = try levels(try await ask(.get, "/debug/logging"))
    #expect(before["ads"] == "info" && before["push"] == "info")
    let answer = try await ask(.put, "/debug/logging?level=ads:debug")
    #expect(answer.status == 200)
    #expect(try levels(answer)["ads"] == "debug")
    #expect(logs.scopes.first { $0.name == "ads" }?.outputLevel == .debug)
    #expect(logs.scopes.first { $0.name == "push" }?.outputLevel == .info)
  }

  @Test func whatCannotBeSetIsRefused() async throws {
    for query in ["", "?level=", "?level=ads:loud", "?level=bogus:debug"] {
      #expect(try await ask(.put, "/debug/logging" + query).status == 400, "\(query)")
    }
    #expect(try await ask(.put, "/debug/logging?level=all:debug", from: "10.0.0.1").status == 403)
    #expect(try await ask(.get, "/debug/logging", from: "10.0.0.1").status == 403)
    #expect(try await ask(.put, "/debug/syncz").status != 200)
    #expect(logs.scopes.allSatisfy { $0.outputLevel == .info })
  }
}
