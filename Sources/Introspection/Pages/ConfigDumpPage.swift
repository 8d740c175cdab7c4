// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import DiscoveryServer
import EnvoyAPI
import HTTPServer
import JSON
import MeshModel

/// `/debug/config_dump?proxyID=`: what a proxy is served, in the form of Envoy's own config dump
/// (`envoy.admin.v3.ConfigDump`), so that both can be compared.
enum ConfigDumpPage {
  /// The dump; with `types=cds,lds` only the resources of these types, without what frames them.
  static func respond(_ request: HTTPRequest, _ sources: IntrospectionSources) -> HTTPResponse {
    answer(request, sources) { served in
      guard let types = request.query("types") else {
        return .json(["configs": .array(ConfigDump.sections(of: served))], for: request)
      }
      return resources(of: types, served, for: request)
    }
  }

  /// A page of one type's resources (istiod's `edsz` and the like).
  static func page(
    of type: ResourceType
  ) -> @Sendable (HTTPRequest, IntrospectionSources) -> HTTPResponse {
    { request, sources in
      answer(request, sources) { served in
        .json(["configs": .array(served.resources(type).map { $0.json() })], for: request)
      }
    }
  }

  /// Finds the proxy that is asked for, and what it is served.
  private static func answer(
    _ request: HTTPRequest, _ sources: IntrospectionSources,
    _ body: (ServedResources) -> HTTPResponse
  ) -> HTTPResponse {
    switch ProxyLookup(request, sources) {
    case .refused(let refusal): return refusal
    case .found(let connection):
      guard let view = sources.resources(connection.node.id) else {
        return .refusal(503, "Nothing has been made for \(connection.node.shortID) yet.")
      }
      return body(ServedResources(view, connection))
    }
  }

  /// The resources of types that are named as in `cds,lds`.
  private static func resources(
    of types: String, _ served: ServedResources, for request: HTTPRequest
  ) -> HTTPResponse {
    let names = types.split(separator: ",").map { $0.lowercased() }
    let known = Dictionary(ResourceType.pushOrder.map { ($0.shortName, $0) }) { first, _ in first }
    if let unknown = names.first(where: { known[$0] == nil }) {
      let list = known.keys.sorted().joined(separator: ", ")
      return .refusal(400, "There is no type \(unknown). The types are \(list).")
    }
    let resources = names.compactMap { known[$0] }.flatMap { served.resources($0) }
    return .json(["configs": .array(resources.map { $0.json() })], for: request)
  }
}

/// What one proxy is served, with how it answered.
struct ServedResources {
  private let view: any ResourceView
  private let types: [ResourceType: TypeStatus]
  private let acknowledged: [ResourceKey: String]

  /// The resources of a view that a stream is served from.
  init(_ view: any ResourceView, _ connection: ConnectionStatus) {
    self.view = view
    types = Dictionary(connection.types.map { ($0.type, $0) }) { _, last in last }
    let acked = connection.types.flatMap { type in
      type.resources.compactMap { held in held.acked.map { (ResourceKey(type.type, held.name), $0) }
      }
    }
    acknowledged = Dictionary(acked) { _, last in last }
  }

  /// The resources of a type, by name: what the view has of it, what its clusters and listeners
  /// refer to, and what the stream asked for by name.
  func resources(_ type: ResourceType) -> [EncodedResource] {
    let all = view.all(type)
    var names = Set(types[type]?.resources.map(\.name) ?? [])
    if let referrer = Self.referrers[type] {
      for resource in view.all(referrer) {
        for key in view.followers(of: resource) where key.type == type { names.insert(key.name) }
      }
    }
    names.subtract(all.map(\.name))
    return (all + names.compactMap { view.named(type, $0) }).sorted { $0.name < $1.name }
  }

  /// How the proxy answered a resource, in the words of `envoy.admin.v3.ClientResourceStatus`;
  /// empty where the proxy did not ask for its type.
  func status(of resource: EncodedResource) -> String {
    guard let type = types[resource.type] else { return "" }
    let key = ResourceKey(resource.type, resource.name)
    if acknowledged[key] == resource.version { return "ACKED" }
    return type.lastError?.names.contains(resource.name) == true ? "NACKED" : "REQUESTED"
  }

  private static let referrers: [ResourceType: ResourceType] = [
    .endpoint: .cluster, .route: .listener,
  ]
}
