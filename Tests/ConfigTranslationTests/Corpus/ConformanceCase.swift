// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Configuration
import Foundation
import JSON
import MeshModel
import ServiceDiscovery
import YAML

/// One case of the corpus of what istiod generates: objects, settings and the proxies that ask.
struct ConformanceCase {
  /// A proxy of the case, under the name of its folder of dumps.
  struct Proxy {
    var name: String
    var node: ProxyNode
    /// The names that a proxyless client asks for, by type.
    var resources: [String: [String]]
  }

  /// What a case's files lack.
  struct Unreadable: Error {
    var file: String
    var reason: String
  }

  /// `group/case`.
  let name: String
  let mesh: MeshSnapshot
  let proxies: [Proxy]

  init(_ root: String, _ name: String) throws {
    self.name = name
    let folder = "\(root)/\(name)"
    let own = try? YAMLFile(folder + "/mesh.yaml")
    let meshFile = try own ?? YAMLFile(root + "/mesh.yaml")
    var settings = MeshSettings()
    settings.mesh = try Istio.MeshConfig.standard.overlaid(with: meshFile.value).config
    if let networks = try? YAMLFile(folder + "/networks.yaml") {
      var decoder = ProtoDecoder(at: FieldPath(), unknownFields: .areIgnored)
      settings.networks = try .decode(networks.value, &decoder)
    }
    for member in try YAMLFile(folder + "/case.yaml").value["istiod_env"]?.object?.members ?? [] {
      settings.features[member.key] = member.value.string
    }
    let objects = try YAMLFile(folder + "/input.yaml").documents
      .flatMap(ConfigurationObject.expandLists)
      .compactMap { ConfigurationObject.decode($0, strictness: .lenient).object }
    let namespaces = objects.compactMap { object in
      if case .namespace(let namespace) = object { namespace } else { nil }
    }
    let selection = NamespaceSelection(settings.mesh, among: namespaces)
    mesh = MeshSnapshot(
      objects.filter { selection.contains($0.meta.namespace) }, settings: settings)
    proxies = try (YAMLFile(folder + "/proxies.yaml").value.array ?? []).compactMap(Self.proxy)
  }

  private static func proxy(_ value: JSONValue) throws -> Proxy? {
    guard let name = value["name"]?.string, let id = value["node_id"]?.string else { return nil }
    let features: Set = [
      "envoy.lb.does_not_support_overprovisioning", "envoy.lrs.supports_send_all_clusters",
    ]
    var metadata = value["metadata"]?.object ?? JSONObject()
    // The same proxies as unmodified Envoys.
    if ProcessInfo.processInfo.environment["NAVARCH_PLAIN"] != nil {
      metadata["ISTIO_VERSION"] = nil as JSONValue?
    }
    var node = ProxyNode(
      id: id, metadata: metadata,
      locality: Locality(path: value["locality"]?.string ?? ""),
      serviceCluster: value["node_cluster"]?.string ?? "", clientFeatures: features)
    if value["auth"]?.bool == true {
      node?.identity = VerifiedIdentity(
        namespace: metadata["NAMESPACE"]?.string ?? "",
        serviceAccount: metadata["SERVICE_ACCOUNT"]?.string ?? "")
    }
    guard let node else { throw Unreadable(file: "proxies.yaml", reason: "no node: \(id)") }
    var resources: [String: [String]] = [:]
    for member in value["resources"]?.object?.members ?? [] {
      resources[member.key] = (member.value.array ?? []).compactMap(\.string)
    }
    return Proxy(name: name, node: node, resources: resources)
  }
}

/// A file of YAML documents.
private struct YAMLFile {
  var documents: [JSONValue]
  var value: JSONValue { documents.first ?? .null }

  init(_ path: String) throws {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let stream = YAML.documents(in: bytes, limits: YAMLLimits(documentBytes: 16 << 20))
    if let error = stream.errors.first {
      throw ConformanceCase.Unreadable(file: path, reason: error.description)
    }
    documents = stream.documents.map(\.value)
  }
}
