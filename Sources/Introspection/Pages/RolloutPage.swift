// SPDX-License-Identifier: Apache-2.0

import Configuration
import DiscoveryProtocol
import DiscoveryServer
import EnvoyAPI
import HTTPServer
import JSON
import MeshModel

/// `/debug/rollout?kind=&name=&namespace=`: on which proxies the newest version of an object is in
/// force, who refused something since, and who is waited for.
enum RolloutPage {
  /// The rollout of one object.
  static func respond(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    guard let kindName = request.query("kind"), let name = request.query("name") else {
      return .refusal(400, "Which object? Add ?kind=VirtualService&name=reviews&namespace=default.")
    }
    let kinds = ConfigurationObject.kinds.filter {
      [$0.kind.lowercased(), $0.plural].contains(kindName.lowercased())
    }
    guard let kind = kinds.first else {
      return .refusal(
        404, "There is no kind \(kindName); /debug/resourcesz lists those that are read.")
    }
    let namespace = kind.isClusterScoped ? "" : request.query("namespace") ?? "default"
    let key = ObjectKey(kind: kind, namespace: namespace, name: name)
    guard let version = sources.servedVersion(key) else {
      return .refusal(404, "No valid version of \(key) is known.")
    }
    let rollout = Rollout(of: version, among: sources.sortedConnections())
    return .json(rollout.page(of: key), for: request)
  }
}

/// How far proxies follow one version of an object.
private struct Rollout {
  private var version: ServedVersion
  private var proxies = 0
  private var applied = 0
  private var refused: [JSONValue] = []
  private var waiting: [String] = []

  init(of version: ServedVersion, among connections: [ConnectionStatus]) {
    self.version = version
    for connection in connections where !connection.types.isEmpty {
      proxies += 1
      let refusals = connection.types.filter { ($0.lastError?.generation ?? 0) >= version.snapshot }
      if !refusals.isEmpty {
        refused += refusals.map { Rollout.refusal(of: $0, by: connection) }
      } else if connection.applied >= version.snapshot {
        applied += 1
      } else {
        waiting.append(connection.node.id)
      }
    }
  }

  private static func refusal(of type: TypeStatus, by connection: ConnectionStatus) -> JSONValue {
    var fields = JSONFields()
    fields.add("proxy", connection.node.id)
    fields.add("type", type.type.shortName)
    fields.add("message", type.lastError?.detail.message ?? "")
    fields.add("resources", list: (type.lastError?.names ?? []).map { .string($0) })
    return fields.value
  }

  func page(of key: ObjectKey) -> JSONValue {
    let refusing = proxies - applied - waiting.count
    var page = JSONFields()
    page.add("kind", key.kind.kind)
    page.add("namespace", key.namespace)
    page.add("name", key.name)
    page.add("generation", .integer(Int64(clamping: version.generation)))
    page.add(
      "summary",
      "generation \(version.generation): applied on \(applied) of \(proxies) proxies, "
        + "refused by \(refusing), waiting for \(waiting.count)")
    page.add("proxies", proxies)
    page.add("applied", applied)
    page.add("refused", list: refused)
    page.add("waiting", list: waiting.map { .string($0) })
    return page.value
  }
}
