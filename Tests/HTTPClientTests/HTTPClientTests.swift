// SPDX-License-Identifier: Apache-2.0

import HTTPServer
import Testing

@testable import HTTPClient

@Suite("HTTP client")
struct HTTPClientTests {
  @Test("gets status, fields and body, and sends fields and a body")
  func exchange() async throws {
    try await withServer { request in
      HTTPResponse.text(
        "\(request.method.rawValue) \(request.headers["x-mine"] ?? "") \(request.body.count)",
        status: 201)
    } body: { client, url in
      var request = HTTPClientRequest(url: "\(url)/path")
      request.method = "POST"
      request.headers = [(name: "X-Mine", value: "yes")]
      request.body = Array("12345".utf8)
      let exchange = client.open(request)
      let head = try await exchange.head()
      #expect(head.status == 201)
      #expect(head["content-type"]?.hasPrefix("text/plain") == true)
      let body = try await exchange.body()
      #expect(String(decoding: body, as: UTF8.self).hasSuffix("yes 5"))
    }
  }

  @Test("a body larger than what may wait comes whole, however late it is read")
  func largeBody() async throws {
    let large = [UInt8](repeating: 7, count: 3 * HTTPExchange.capacity)
    try await withServer { _ in
      HTTPResponse(contentType: "application/octet-stream", bytes: large)
    } body: { client, url in
      let exchange = client.open(HTTPClientRequest(url: url))
      _ = try await exchange.head()
      let body = try await exchange.body()
      #expect(body == large)
    }
  }

  @Test("a body over the limit is refused")
  func limit() async throws {
    try await withServer { _ in
      .text("more than five")
    } body: { client, url in
      let exchange = client.open(HTTPClientRequest(url: url))
      await #expect(throws: HTTPClientError.self) { try await exchange.body(limit: 5) }
    }
  }

  @Test("says that nobody listens")
  func refused() async throws {
    let client = try HTTPClient()
    let exchange = client.open(HTTPClientRequest(url: "http://127.0.0.1:1/"))
    let error = await #expect(throws: HTTPClientError.self) { try await exchange.head() }
    #expect(error?.kind == .unreachable)
  }

  @Test("a URL that is none is refused", arguments: ["nothing", "ftp://127.0.0.1/", ""])
  func badURL(url: String) async throws {
    let client = try HTTPClient()
    let exchange = client.open(HTTPClientRequest(url: url))
    await #expect(throws: HTTPClientError.self) { try await exchange.head() }
  }

  @Test("ends with its reader's task, and when it is cancelled")
  func cancelled() async throws {
    let client = try HTTPClient()
    try await withSilentServer { url in
      let first = client.open(HTTPClientRequest(url: url))
      first.cancel()
      let error = await #expect(throws: HTTPClientError.self) { try await first.head() }
      #expect(error?.kind == .cancelled)
      let second = client.open(HTTPClientRequest(url: url))
      await withTaskGroup { group in
        group.addTask { _ = try? await second.head() }
        group.cancelAll()
      }
    }
  }

  @Test("many requests at a time are all answered")
  func parallel() async throws {
    try await withServer {
      .text($0.path)
    } body: { client, url in
      let answers = try await withThrowingTaskGroup { group in
        for number in 0..<200 {
          let exchange = client.open(HTTPClientRequest(url: "\(url)/\(number)"))
          group.addTask { String(decoding: try await exchange.body(), as: UTF8.self) }
        }
        return try await group.reduce(into: Set<String>()) { $0.insert($1) }
      }
      #expect(answers == Set((0..<200).map { "/\($0)" }))
    }
  }
}
