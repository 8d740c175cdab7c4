// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import ServiceDiscovery
import YAML

/// A mesh whose configuration is generated and measured, of the form of one of istiod's
/// micro-benchmarks.
struct Shape {
  /// What is generated.
  enum Output: String, CaseIterable {
    /// The snapshot of all objects, and what the proxy sees of it (istiod's InitPushContext).
    case snapshot
    case clusters
    case endpoints
    case listeners
    case routes
    case nameTable = "names"
  }

  /// Its name, which is istiod's.
  var name: String
  /// The objects as YAML documents.
  var documents: [String]
  var kind = ProxyNode.Kind.sidecar
  /// What is generated of it.
  var outputs: [Output] = [.snapshot, .clusters, .listeners, .routes]
  /// How many networks there are, each with one gateway.
  var networks = 0

  /// The objects, decoded as the daemon decodes its files.
  func transaction() throws -> SourceTransaction {
    let text = documents.joined(separator: "\n---\n")
    let stream = YAML.documents(in: Array(text.utf8), limits: YAMLLimits(documentBytes: 1 << 26))
    if let error = stream.errors.first { throw Unusable(shape: name, reason: "\(error)") }
    let objects = try stream.documents.filter { $0.value != .null }.map { document in
      let reading = SourcedObject.read(
        document.value, strictness: .lenient, origin: ObjectOrigin()
      ) { _ in nil }
      guard case .object(let object) = reading, object.object != nil else {
        throw Unusable(shape: name, reason: "\(reading)")
      }
      return object
    }
    return SourceTransaction(upserts: objects)
  }

  /// What the mesh is set to: as in istiod's benchmarks a log provider besides the defaults.
  func settings() throws -> MeshSettings {
    var settings = MeshSettings()
    let provider = try JSONValue(
      parsing: """
        {"extensionProviders": [
          {"name": "prometheus", "prometheus": {}},
          {"name": "envoy-json", "envoyFileAccessLog":
            {"path": "/dev/stdout", "logFormat": {"labels": {}}}}]}
        """)
    settings.mesh = try Istio.MeshConfig.standard.overlaid(with: provider).config
    let networks = (0..<networks).map {
      #""network-\#($0)": {"gateways": [{"address": "35.0.0.\#($0)", "port": 15443}]}"#
    }.joined(separator: ",")
    settings.networks = try Istio.MeshNetworks(
      decoding: JSONValue(parsing: "{\"networks\": {\(networks)}}"))
    return settings
  }

  /// The proxy that asks.
  func node() throws -> ProxyNode {
    let metadata = try JSONValue(
      parsing: """
        {"NAMESPACE": "default", "CLUSTER_ID": "Kubernetes", "ISTIO_VERSION": "1.30.3",
         "LABELS": {"istio.io/benchmark": "true"}}
        """)
    let node = ProxyNode(
      id: "\(kind.rawValue)~1.1.1.1~v0.default~default.example.org",
      metadata: metadata.object ?? JSONObject())
    guard let node else { throw Unusable(shape: name, reason: "the node's id") }
    return node
  }
}

/// A shape that cannot be measured.
struct Unusable: Error {
  var shape: String
  var reason: String
}
