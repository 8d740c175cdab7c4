// SPDX-License-Identifier: Apache-2.0

import Configuration
import HTTPClient
import HTTPServer
import JSON
import KubernetesClient
import Synchronization
import Testing

@testable import KubernetesIdentity

/// An API server with reviews and Secrets, as far as identity asks of one.
final class FakeAPI: Sendable {
  struct State {
    /// The status of the review of each token.
    var tokens: [String: JSONValue] = [:]
    /// The users that may list secrets.
    var readers: Set<String> = []
    var secrets: [String: JSONObject] = [:]
    var version = 0
    /// What every request is answered by; nil to answer it.
    var failure: Int?
    /// How many of the next writes meet a conflict.
    var conflicts = 0
    var asked: [String] = []
    var now: Int64 = 1_800_000_000
  }

  let state = Mutex(State())

  /// The time that the tests pass.
  var now: Int64 { state.withLock { $0.now } }
  /// Requests so far, by method and path.
  var asked: [String] { state.withLock { $0.asked } }

  func change(_ body: @Sendable (inout State) -> Void) { state.withLock { body(&$0) } }

  /// Serves for the length of `body`.
  func serve(_ body: (KubernetesClient) async throws -> Void) async throws {
    let server = try HTTPServer { self.answer($0) }
    let port = try server.listen("127.0.0.1:0").port
    let client = KubernetesClient(
      ClusterConfiguration(server: "http://127.0.0.1:\(port)"), http: try HTTPClient(),
      budget: RequestBudget(perSecond: 10_000, burst: 10_000))
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      defer { server.stop() }
      try await body(client)
      server.stop()
      try await group.waitForAll()
    }
  }

  private func answer(_ request: HTTPRequest) -> HTTPResponse {
    state.withLock { state in
      state.asked.append("\(request.method.rawValue) \(request.path)")
      if let code = state.failure {
        return FakeAPI.refusal(code, "Broken", "what was asked: secret")
      }
      let body = (try? JSONValue(parsing: request.body)) ?? .null
      let spec = body["spec"] ?? .null
      if request.path.hasSuffix("/tokenreviews") {
        let status = state.tokens[spec["token"]?.string ?? ""] ?? ["authenticated": false]
        return .text(JSONValue.object(JSONObject(distinct: [.init("status", status)])).text())
      }
      if request.path.hasSuffix("/subjectaccessreviews") {
        let wanted = spec["resourceAttributes"] ?? .null
        let isRight =
          wanted["verb"] == "list" && wanted["resource"] == "secrets"
          && spec["user"]?.string?.contains(":\(wanted["namespace"]?.string ?? "?"):") == true
        let allowed = isRight && state.readers.contains(spec["user"]?.string ?? "")
        let answer: JSONValue = ["status": ["allowed": .bool(allowed)]]
        return .text(answer.text(), status: 201)
      }
      return FakeAPI.secret(request, body, &state)
    }
  }

  private static func secret(
    _ request: HTTPRequest, _ body: JSONValue, _ state: inout State
  ) -> HTTPResponse {
    let isWhole = request.method == .post
    let name =
      isWhole
      ? body["metadata"]?["name"]?.string ?? ""
      : String(request.path.split(separator: "/").last ?? "")
    let old = state.secrets[name]
    if request.method == .get {
      return old.map { .text(JSONValue.object($0).text()) } ?? refusal(404, "NotFound", "")
    }
    if isWhole, old != nil { return refusal(409, "AlreadyExists", "") }
    let given = body["metadata"]?["resourceVersion"]?.string
    if !isWhole, state.conflicts > 0 || old?["metadata"]?["resourceVersion"]?.string != given {
      state.conflicts = max(0, state.conflicts - 1)
      return refusal(409, "Conflict", "")
    }
    state.version += 1
    var object = body.object ?? JSONObject()
    object["metadata"] = [
      "name": .string(name), "namespace": "istio-system",
      "resourceVersion": .string("\(state.version)"),
    ]
    state.secrets[name] = object
    return .text(JSONValue.object(object).text(), status: isWhole ? 201 : 200)
  }

  private static func refusal(_ code: Int, _ reason: String, _ message: String) -> HTTPResponse {
    let status: JSONValue = [
      "kind": "Status", "code": .integer(Int64(code)), "reason": .string(reason),
      "message": .string(message),
    ]
    return .text(status.text(), status: code)
  }

  /// What a review says of a token of a service account.
  static func believed(
    _ user: String, audiences: [JSONValue] = ["istio-ca"],
    groups: [JSONValue] = ["system:serviceaccounts", "system:authenticated"],
    extra: JSONValue = [:]
  ) -> JSONValue {
    [
      "authenticated": true, "audiences": .array(audiences),
      "user": ["username": .string(user), "groups": .array(groups), "extra": extra],
    ]
  }
}
