// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import DiscoveryServer
import HTTPServer
import MeshModel
import JSON

/// `/debug/push_status`: the latest pushes and the latest refusals by proxies, the newest first.
enum PushPage {
  /// What the control plane remembers of both.
  static func respond(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    var page = JSONFields()
    page.add("generation", .integer(Int64(clamping: sources.snapshot()?.generation ?? 0)))
    page.add("pushes", .array(sources.pushes().reversed().map(push)))
    page.add("refusals", .array(sources.refusals().reversed().map(refusal)))
    return .json(page.value, for: request)
  }

  private static func push(_ push: PushRecord) -> JSONValue {
    var fields = JSONFields()
    fields.add("generation", .integer(Int64(clamping: push.generation)))
    fields.add("time", TimeText.rfc3339(push.at))
    fields.add("full", .bool(push.scope.configuration))
    fields.add("endpoints", list: push.scope.endpoints.sorted().map { .string($0) })
    fields.add("changes", push.changes)
    fields.add("waitedMilliseconds", .double(push.waited / .milliseconds(1)))
    fields.add("connections", push.connections)
    return fields.value
  }

  private static func refusal(_ refusal: NackRecord) -> JSONValue {
    var fields = JSONFields()
    fields.add("time", TimeText.rfc3339(refusal.at))
    fields.add("proxy", refusal.node)
    fields.add("connectionId", refusal.connection)
    fields.add("type", refusal.type)
    fields.add("nonce", refusal.nonce)
    fields.add("version", refusal.version)
    fields.add("code", Int(refusal.code))
    fields.add("message", refusal.message)
    fields.add("resources", list: refusal.names.map { .string($0) })
    return fields.value
  }
}
