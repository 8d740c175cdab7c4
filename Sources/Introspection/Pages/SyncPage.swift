// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import DiscoveryServer
import EnvoyAPI
import HTTPServer
import MeshModel
import JSON

/// `/debug/syncz`: for every proxy the nonces last sent and acknowledged, in the members that
/// Kiali and istioctl read.
enum SyncPage {
  /// The streams of all namespaces, or of the query's `namespace`; with `format=xds` as istioctl gets
  /// them.
  static func respond(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    let namespace = request.query("namespace") ?? ""
    let shown = proxies(sources).filter { namespace.isEmpty || $0.node.namespace == namespace }
    guard request.query("format") == "xds" else {
      return .json(.array(shown.map { row($0, clockStart: sources.clockStart) }), for: request)
    }
    return .json(answer(shown, sources), for: request)
  }

  /// What `istioctl proxy-status -o json` prints: the DiscoveryResponse with these messages.
  private static func answer(
    _ shown: [ConnectionStatus], _ sources: IntrospectionSources
  ) -> JSONValue {
    let identifier: JSONValue = [
      "Component": "istiod", "ID": .string(sources.identity),
      "Info": ["version": .string(sources.version)],
    ]
    return [
      "versionInfo": .string(String(sources.snapshot()?.generation ?? 0)),
      "resources": .array(shown.map { client($0, clockStart: sources.clockStart) }),
      "typeUrl": "istio.io/debug/syncz",
      "controlPlane": ["identifier": .string(identifier.text())],
    ]
  }

  /// The same as the messages that istioctl asks for over xDS: `envoy.service.status.v3.ClientConfig`.
  static func clients(_ sources: IntrospectionSources) -> [EncodedResource] {
    proxies(sources).compactMap { connection in
      EncodedResource.message(
        client(connection, clockStart: sources.clockStart), name: connection.node.shortID)
    }
  }

  /// The streams of proxies: not those of tools, which ask on streams of their own.
  private static func proxies(_ sources: IntrospectionSources) -> [ConnectionStatus] {
    sources.sortedConnections().filter { $0.node.generator != "event" }
  }

  private static func client(_ connection: ConnectionStatus, clockStart: Double) -> JSONValue {
    let node = connection.node
    var metadata = JSONFields()
    metadata.add("CLUSTER_ID", node.cluster)
    metadata.add("NAMESPACE", node.namespace)
    metadata.add("ISTIO_VERSION", node.istioVersion ?? "")
    var fields = JSONFields()
    fields.add("@type", "type.googleapis.com/envoy.service.status.v3.ClientConfig")
    fields.add("node", ["id": .string(node.shortID), "metadata": metadata.value])
    let types = connection.types.sorted { $0.type.url < $1.type.url }
    fields.add("genericXdsConfigs", list: types.map { generic($0, clockStart) })
    return fields.value
  }

  private static func generic(_ type: TypeStatus, _ clockStart: Double) -> JSONValue {
    var fields = JSONFields()
    fields.add("typeUrl", type.type.url)
    // A client that is not done warming has not acknowledged: Envoy's API has no word of its own.
    fields.add("configStatus", (type.state == .warming ? .stale : type.state).rawValue)
    let sentAt = type.sent.map { TimeText.rfc3339(clockStart + $0.sentAt / .seconds(1)) } ?? ""
    fields.add("lastUpdated", sentAt)
    if let failure = type.lastError {
      var error = JSONFields()
      error.add(
        "lastUpdateAttempt", TimeText.rfc3339(clockStart + failure.at / .seconds(1)))
      error.add("details", failure.detail.message)
      fields.add("errorState", error.value)
    }
    return fields.value
  }

  /// The member names' beginnings, which stand for types.
  private static let prefixes: [(type: ResourceType, prefix: String)] = [
    (.cluster, "cluster"), (.listener, "listener"), (.route, "route"), (.endpoint, "endpoint"),
    (.extensionConfig, "extensionconfig"),
  ]

  private static func row(_ connection: ConnectionStatus, clockStart: Double) -> JSONValue {
    var row = JSONFields()
    let node = connection.node
    row.add("cluster_id", node.cluster)
    row.add("proxy", node.shortID)
    row.add("proxy_type", node.kind.rawValue)
    row.add("istio_version", node.istioVersion ?? "")
    let types = Dictionary(connection.types.map { ($0.type, $0) }) { _, last in last }
    for (type, prefix) in prefixes {
      row.add(prefix + "_sent", types[type]?.sent?.nonce ?? "")
      row.add(prefix + "_acked", types[type]?.acked?.nonce ?? "")
    }
    let resources = types.map { ($0.key.url, resource($0.value, clockStart)) }
    if !resources.isEmpty {
      row.add("resources", .sorted(Dictionary(resources) { _, last in last }))
    }
    return row.value
  }

  private static func resource(_ type: TypeStatus, _ clockStart: Double) -> JSONValue {
    var fields = JSONFields()
    fields.add("sent", type.sent?.nonce ?? "")
    fields.add("acked", type.acked?.nonce ?? "")
    if let sent = type.sent, clockStart > 0 {
      fields.add("sentTime", TimeText.rfc3339(clockStart + sent.sentAt / .seconds(1)))
    }
    fields.add("lastError", type.lastError?.detail.message ?? "")
    fields.add("status", type.state.rawValue)
    return fields.value
  }
}
