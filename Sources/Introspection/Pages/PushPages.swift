// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import DiscoveryServer
import HTTPServer
import MeshModel
import JSON

/// `/debug/pushes` and `/debug/nacks`: what was pushed and what proxies refused, the newest first.
enum PushPages {
  /// The latest pushes.
  static func pushes(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    .json(.array(sources.pushes().reversed().map(push)), for: request)
  }

  /// The latest refusals.
  static func refusals(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    .json(.array(sources.refusals().reversed().map(refusal)), for: request)
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
    if !refusal.origins.isEmpty {
      fields.add("madeBy", .sorted(refusal.origins.mapValues { .texts($0) }))
    }
    return fields.value
  }
}
