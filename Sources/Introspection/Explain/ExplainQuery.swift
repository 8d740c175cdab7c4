// SPDX-License-Identifier: Apache-2.0

import Explanation
import HTTPServer
import JSON

/// What `/debug/explain` is asked, as it is written.
struct ExplainQuery {
  /// The proxy; empty where none is chosen yet.
  let proxy: String
  /// The URL; empty where none is written yet.
  let url: String
  /// The method.
  let method: String
  /// The header fields, a line each.
  let headers: String
  /// The claims of the request's token, as JSON.
  let claims: String
  /// Whether the traffic goes to the workload.
  let isInbound: Bool
  /// Whether the client is a sidecar with mutual TLS.
  let isMutual: Bool

  init(_ request: HTTPRequest) {
    proxy = request.query("proxyID") ?? ""
    url = (request.query("url") ?? "").trimmed
    let written = (request.query("method") ?? "").trimmed
    method = written.isEmpty ? "GET" : written.uppercased()
    headers = request.query.filter { $0.name == "headers" }.map(\.value).joined(separator: "\n")
    claims = (request.query("claims") ?? "").trimmed
    isInbound = request.query("direction") == "inbound"
    isMutual = request.query("mtls").map { $0 != "false" } ?? false
  }

  /// The request.
  ///
  /// - Throws: A sentence that says what of the query cannot be read.
  func traffic() throws(TrafficRequestError) -> TrafficRequest {
    var request = try TrafficRequest(url)
    request.method = method
    request.headers = try fields()
    if isInbound { request.direction = .inbound }
    request.isMutual = isMutual
    guard !claims.isEmpty else { return request }
    guard let value = try? JSONValue(parsing: Array(claims.utf8)) else {
      throw TrafficRequestError(description: "claims: expected JSON, such as {\"groups\":[\"a\"]}")
    }
    request.claims = value
    return request
  }

  /// Fields stand on lines of their own, or behind a comma where what follows has a colon.
  private func fields() throws(TrafficRequestError) -> [String: String] {
    var fields: [(name: String, value: String)] = []
    for line in headers.split(whereSeparator: \.isNewline) {
      for (place, part) in line.split(separator: ",", omittingEmptySubsequences: false).enumerated()
      {
        if let colon = part.dropFirst().firstIndex(of: ":") {
          let value = part[part.index(after: colon)...]
          fields.append((String(part[..<colon]).trimmed, String(value).trimmed))
        } else if place > 0, let last = fields.indices.last {
          fields[last].value += ",\(part)"
        } else {
          throw TrafficRequestError(
            description: "headers: expected name: value, not \"\(part)\"")
        }
      }
    }
    return Dictionary(fields.map { ($0.name.lowercased(), $0.value) }) { "\($0), \($1)" }
  }
}

extension String {
  /// The text without blanks at its ends.
  fileprivate var trimmed: String {
    String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }
}
