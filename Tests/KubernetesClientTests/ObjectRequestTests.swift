// SPDX-License-Identifier: Apache-2.0

import HTTPClient
import HTTPServer
import JSON
import Testing

@testable import KubernetesClient

@Suite("Requests for one object")
struct ObjectRequestTests {
  static let path = ObjectPath(plural: "configmaps", namespace: "default", name: "a")
  /// A deadline that a busy machine keeps too.
  static var far: ContinuousClock.Instant { .now + .seconds(120) }

  @Test("paths name group, version, namespace, object and part of it, escaped")
  func paths() {
    #expect(Self.path.text == "/api/v1/namespaces/default/configmaps/a")
    let lease = ObjectPath(
      group: "coordination.k8s.io", plural: "leases", namespace: "istio-system")
    #expect(lease.text == "/apis/coordination.k8s.io/v1/namespaces/istio-system/leases")
    var node = ObjectPath(plural: "nodes", name: "a/../b")
    node.subresource = "status"
    #expect(node.text == "/api/v1/nodes/a%2F..%2Fb/status")
  }

  @Test("each kind of request asks as the API server expects it")
  func requests() async throws {
    try await withAPI { request in
      let object: JSONValue = [
        "method": .string(request.method.rawValue), "path": .string(request.path),
        "type": .string(request.headers["content-type"] ?? ""),
        "manager": .string(request.query("fieldManager") ?? ""),
        "force": .string(request.query("force") ?? ""),
        "body": .string(String(decoding: request.body, as: UTF8.self)),
      ]
      return HTTPResponse.text(object.text(), status: request.method == .post ? 201 : 200)
    } body: { client in
      let collection = ObjectPath(plural: "configmaps", namespace: "default")
      let sent: JSONValue = ["data": "x"]
      let got = try await client.object(at: Self.path, by: Self.far)
      #expect(got["method"] == "GET" && got["body"] == "")
      let created = try await client.create(sent, in: collection, by: Self.far)
      #expect(created["method"] == "POST" && created["type"] == "application/json")
      #expect(created["path"] == "/api/v1/namespaces/default/configmaps")
      #expect(created["body"]?.string == sent.text())
      let replaced = try await client.replace(sent, at: Self.path, by: Self.far)
      #expect(replaced["method"] == "PUT" && replaced["path"]?.string == Self.path.text)
      let merged = try await client.patch(
        .merge(sent), at: Self.path, by: Self.far)
      #expect(merged["method"] == "PATCH" && merged["type"] == "application/merge-patch+json")
      let applied = try await client.patch(
        .apply(sent, manager: "me", isForced: true), at: Self.path, by: Self.far)
      #expect(applied["type"] == "application/apply-patch+yaml")
      #expect(applied["manager"] == "me" && applied["force"] == "true")
      try await client.delete(at: Self.path, uid: "u", by: Self.far)
    }
  }

  @Test(
    "a refusal says what it is",
    arguments: [
      (404, "NotFound"), (409, "AlreadyExists"), (409, "Conflict"), (403, "Forbidden"),
    ])
  func refusals(code: Int, reason: String) async throws {
    try await withAPI { _ in
      let status: JSONValue = [
        "kind": "Status", "code": .integer(Int64(code)), "reason": .string(reason),
        "message": "because",
      ]
      return .text(status.text(), status: code)
    } body: { client in
      let error = await #expect(throws: KubernetesRequestError.self) {
        try await client.object(at: Self.path, by: Self.far)
      }
      #expect(error?.isNotFound == (reason == "NotFound"))
      #expect(error?.isAlreadyExists == (reason == "AlreadyExists"))
      #expect(error?.isConflict == (reason == "Conflict"))
      #expect(error?.isForbidden == (reason == "Forbidden"))
      #expect(error?.description.contains("because") == true)
    }
  }

  @Test("an answer that is no JSON leaves open what was done")
  func unreadable() async throws {
    try await withAPI { _ in
      .text("<html>")
    } body: { client in
      let error = await #expect(throws: KubernetesRequestError.self) {
        try await client.create([:], in: Self.path)
      }
      guard case .unanswered? = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
  }

  @Test("nothing is sent after the deadline, also where the budget makes it pass")
  func late() async throws {
    try await withAPI(RequestBudget(perSecond: 0.001, burst: 1)) { _ in
      .text("{}")
    } body: { client in
      await #expect(throws: KubernetesRequestError.late) {
        try await client.object(at: Self.path, by: .now - .seconds(1))
      }
      await #expect(throws: KubernetesRequestError.late) {
        try await client.object(at: Self.path, by: .now + .seconds(30))
      }
    }
  }

  @Test("an answer that stays away ends at the deadline")
  func silence() async throws {
    let released = AsyncStream.makeStream(of: Void.self)
    try await withAPI { _ in
      for await _ in released.stream {}
      return .text("{}")
    } body: { client in
      defer { released.continuation.finish() }
      let error = await #expect(throws: KubernetesRequestError.self) {
        try await client.object(at: Self.path, by: .now + .milliseconds(100))
      }
      #expect(error == .late || error?.refusal == nil)
    }
  }
}

/// An API server that answers by `handler`, and its client, for the length of `body`.
private func withAPI(
  _ budget: RequestBudget = RequestBudget(perSecond: 0, burst: 1),
  _ handler: @escaping HTTPHandler, body: (KubernetesClient) async throws -> Void
) async throws {
  let server = try HTTPServer(handler: handler)
  let port = try server.listen("127.0.0.1:0").port
  let client = KubernetesClient(
    ClusterConfiguration(server: "http://127.0.0.1:\(port)"), http: try HTTPClient(),
    budget: budget)
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { try await server.run() }
    defer { server.stop() }
    try await body(client)
    server.stop()
    try await group.waitForAll()
  }
}
