// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import JSON

/// What Istio writes under `filter_metadata.istio` of a resource: where it comes from.
struct IstioMetadata: Hashable, Sendable {
  private var members: [String: JSONValue] = [:]

  /// Adds the object that configured the resource: `/apis/GROUP/VERSION/namespaces/NS/KIND/NAME`.
  mutating func set(config object: ObjectKey) {
    members["config"] = .string(IstioMetadata.path(of: object))
  }

  /// Adds a member, such as `subset`.
  mutating func set(_ key: String, _ value: JSONValue) { members[key] = value }

  /// Whether there is nothing to write.
  var isEmpty: Bool { members.isEmpty }

  /// The message to assign to a resource's `metadata`.
  func message(in arena: Arena) -> Envoy.Metadata {
    Envoy.Metadata(arena) { metadata in
      let sorted = members.sorted { $0.key < $1.key }
      metadata.filterMetadata["istio"] = JSONObject(
        distinct: sorted.map { JSONObject.Member($0.key, $0.value) })
    }
  }

  /// The path that istiod gives an object (the config's self link).
  static func path(of object: ObjectKey) -> String {
    let kind = object.kind.kind.reduce(into: "") { text, letter in
      if letter.isUppercase && !text.isEmpty { text += "-" }
      text += letter.lowercased()
    }
    let version = object.kind.versions.first ?? "v1"
    return
      "/apis/\(object.kind.group)/\(version)/namespaces/\(object.namespace)/\(kind)/\(object.name)"
  }
}
