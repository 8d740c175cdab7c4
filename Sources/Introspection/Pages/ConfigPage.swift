// SPDX-License-Identifier: Apache-2.0

import Configuration
import HTTPServer
import JSON
import MeshModel
import ServiceDiscovery

/// `/debug/configz`: the objects in use, as Kubernetes writes them (istiod's shape); each with
/// `diagnostics` where something is to be said of it.
///
/// What is to be said of an object that is not in use, or of a file, follows as an element without
/// `spec`. Only Istio's kinds are listed; a Secret never is.
enum ConfigPage {
  /// Every object and every diagnostic.
  static func respond(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    var said = Dictionary(grouping: Notice.all(sources), by: \.key)
    var rows: [JSONValue] = []
    if let snapshot = sources.snapshot() {
      ConfigObjectList(snapshot).forEach { key, meta, spec in
        rows.append(row(key, meta, spec, said.removeValue(forKey: key) ?? []))
      }
    }
    let rest = said.sorted { sortingText($0.key) < sortingText($1.key) }
    for (key, diagnostics) in rest where key != nil { rows.append(row(key, nil, nil, diagnostics)) }
    let files = Dictionary(grouping: said[nil] ?? [], by: \.origin.file)
    for (file, diagnostics) in files.sorted(by: { $0.key < $1.key }) {
      rows.append(row(ofFile: file, diagnostics))
    }
    return .json(.array(rows), for: request)
  }

  /// The kinds of objects that are read, as istiod's `resourcesz` has them.
  static func kinds(_ request: HTTPRequest, _: IntrospectionSources) -> HTTPResponse {
    let kinds = ConfigurationObject.kinds.map { kind -> JSONValue in
      [
        "group": .string(kind.group), "version": .string(kind.versions.first ?? ""),
        "kind": .string(kind.kind),
      ]
    }
    return .json(.array(kinds), for: request)
  }

  private static func sortingText(_ key: ObjectKey?) -> String { key?.description ?? "" }

  private static func row(
    _ key: ObjectKey?, _ meta: ObjectMeta?, _ spec: JSONValue?, _ said: [Notice]
  ) -> JSONValue {
    var row = JSONFields()
    if let key {
      row.add("kind", .string(key.kind.kind))
      row.add("apiVersion", .string(apiVersion(key.kind)))
      row.add("metadata", metadata(meta ?? ObjectMeta(name: key.name, namespace: key.namespace)))
    }
    if let spec { row.add("spec", spec) }
    row.add("diagnostics", list: said.map(\.json))
    return row.value
  }

  private static func row(ofFile file: String, _ said: [Notice]) -> JSONValue {
    var row = JSONFields()
    row.add("kind", .string(""))
    row.add("apiVersion", .string(""))
    row.add("metadata", ["name": .string(file)])
    row.add("diagnostics", list: said.map(\.json))
    return row.value
  }

  private static func apiVersion(_ kind: ResourceKind) -> String {
    let version = kind.versions.first ?? ""
    return kind.group.isEmpty ? version : "\(kind.group)/\(version)"
  }

  private static func metadata(_ meta: ObjectMeta) -> JSONValue {
    var fields = JSONFields()
    fields.add("name", .string(meta.name))
    fields.add("namespace", meta.namespace)
    fields.add("uid", meta.uid)
    fields.add("resourceVersion", meta.resourceVersion)
    if meta.generation != 0 { fields.add("generation", .integer(meta.generation)) }
    if let time = meta.creationTime {
      fields.add("creationTimestamp", TimeText.rfc3339(Double(time)))
    }
    fields.add("labels", meta.labels)
    fields.add("annotations", meta.annotations)
    return fields.value
  }
}
