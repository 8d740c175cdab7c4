// SPDX-License-Identifier: Apache-2.0

import Flags
import HTTPClient

/// Asks pages over the network.
enum PageFetcher {
  /// The body of a success; else an error that says what was answered.
  static let fetch: Fetch = { method, url in
    var request = HTTPClientRequest(url: url)
    request.method = method
    if method != "GET" { request.body = [] }
    request.proxy = ""  // What is asked stands near by, never behind the environment's proxy.
    request.idleTimeout = .seconds(30)
    let client: HTTPClient
    let status: Int
    let body: [UInt8]
    do {
      client = try HTTPClient()
      let exchange = client.open(request)
      status = try await exchange.head().status
      body = try await exchange.body()
    } catch {
      throw FlagError("\(url) does not answer: \(error).")
    }
    guard (200..<300).contains(status) else {
      let said = String(decoding: body.prefix(2000), as: UTF8.self)
      throw FlagError("\(url) answers \(status): \(said)")
    }
    return body
  }
}
