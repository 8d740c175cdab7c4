// SPDX-License-Identifier: Apache-2.0

import Flags
import JSON

/// The metadata of the proxy's node, as Istio's agent gathers it.
enum NodeMetadata {
  /// What environment, proxy configuration and the Pod's files say: `ISTIO_META_…` of `proxyMetadata`,
  /// over these of the environment, `ISTIO_METAJSON_…`, labels and annotations.
  static func read(
    _ variables: Variables, _ proxy: ProxySettings, labels: [(key: String, value: String)],
    annotations: [(key: String, value: String)]
  ) throws(FlagError) -> [String: JSONValue] {
    var metadata: [String: JSONValue] = [:]
    let prefix = "ISTIO_META_"
    for (name, value) in proxy.entries("proxyMetadata") where name.hasPrefix(prefix) {
      metadata[String(name.dropFirst(prefix.utf8.count))] = .string(value)
    }
    for (name, value) in variables.prefixed(prefix) { metadata[name] = .string(value) }
    for (name, value) in variables.prefixed("ISTIO_METAJSON_") {
      guard let parsed = try? JSONValue(parsing: value) else {
        throw FlagError("ISTIO_METAJSON_\(name) is no JSON.")
      }
      if name == "LABELS" || name == "ANNOTATIONS" {
        metadata[name] = parsed
      } else if let object = parsed.object {
        // Istio's agent takes the entries of an object as metadata of their own.
        for member in object.members { metadata[member.key] = member.value }
      } else {
        metadata[name] = parsed
      }
    }
    let own = labels.filter { $0.key != "pod-template-hash" }
    metadata["LABELS"] = joined(metadata["LABELS"], own)
    metadata["ANNOTATIONS"] = joined(metadata["ANNOTATIONS"], annotations)
    if !proxy.object.isEmpty { metadata["PROXY_CONFIG"] = .object(proxy.object) }
    return metadata
  }

  /// A map with more entries; nil where it has none.
  private static func joined(
    _ map: JSONValue?, _ entries: [(key: String, value: String)]
  ) -> JSONValue? {
    guard !entries.isEmpty else { return map }
    var members = map?.object?.members ?? []
    for (key, value) in entries {
      members.removeAll { $0.key == key }
      members.append(JSONObject.Member(key, .string(value)))
    }
    return .object(JSONObject(distinct: members))
  }
}
