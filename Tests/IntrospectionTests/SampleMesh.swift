// SPDX-License-Identifier: Apache-2.0

import Analysis
import Bytes
import ConfigTranslation
import Configuration
import HTTPServer
import JSON
import MeshModel
import ServiceDiscovery
import Testing

@testable import DiscoveryProtocol
@testable import DiscoveryServer
import EnvoyAPI
@testable import Introspection

/// A small mesh, and the streams of its proxies; what a test does not set is empty.
struct SampleMesh {
  var objects: [JSONValue] = []
  var problems: [StoredDiagnostic] = []
  var connections: [ConnectionStatus] = []
  var view = SampleView()
  var pushes: [PushRecord] = []
  var refusals: [NackRecord] = []
  var missing: [String] = []

  var sources: IntrospectionSources {
    var store = MeshStore(settings: MeshSettings())
    let read = objects.map { value in
      SourcedObject.read(value, strictness: .strict, origin: ObjectOrigin(file: "a.yaml", line: 1))
      {
        _ in 7
      }
    }
    var transaction = SourceTransaction(problems: problems)
    for case .object(let object) in read { transaction.upserts.append(object) }
    _ = store.apply(transaction, at: 1_767_225_600)
    var sources = IntrospectionSources(
      snapshot: { [snapshot = store.snapshot] in snapshot },
      connections: { [connections] in connections },
      view: { [snapshot = store.snapshot, connections] id in
        guard let snapshot, let found = connections.first(where: { $0.node.id == id }) else {
          return nil
        }
        return ProxyContext(snapshot, node: found.node, cache: ResourceCache())
      }, resources: { [view] id in id == "absent" ? nil : view },
      diagnostics: { [said = store.diagnostics] in said }, pushes: { [pushes] in pushes },
      refusals: { [refusals] in refusals }, isReady: { [missing] in missing },
      identity: "istiod-1", version: "0.1.0")
    sources.clockStart = 1_767_225_600
    sources.servedVersion = { [store] in store.servedVersion(of: $0) }
    sources.findings = { [store] in store.snapshot?.findings() ?? [] }
    sources.origin = { [store] in store.origin(of: $0) }
    return sources
  }

  /// The answer to GET on a path, through the router.
  func get(_ target: String, from address: String = "127.0.0.1") async throws -> HTTPResponse {
    var router = HTTPRouter()
    DebugPages(sources).register(on: &router)
    let peer = HTTPPeer(address: address, port: 4711)
    return await router.respond(to: try #require(HTTPRequest(.get, target, peer: peer)))
  }

  /// The JSON that a path answers.
  func json(_ target: String) async throws -> JSONValue {
    let response = try await get(target)
    #expect(response.status == 200)
    #expect(response.headers["Content-Type"] == "application/json")
    return try JSONValue(parsing: response.bodyBytes)
  }
}

extension HTTPResponse {
  var text: String { String(decoding: bodyBytes, as: UTF8.self) }
}

/// Resources that are written down; a cluster is followed by the endpoints of its name, and a
/// listener by the routes of its name.
struct SampleView: ResourceView {
  var resources: [EncodedResource] = []

  func all(_ type: ResourceType) -> [EncodedResource] {
    type == .cluster || type == .listener ? resources.filter { $0.type == type } : []
  }

  func named(_ type: ResourceType, _ name: String) -> EncodedResource? {
    resources.first { $0.type == type && $0.name == name }
  }

  func clusters(referencedBy resource: EncodedResource) -> Set<String> { [] }

  func followers(of resource: EncodedResource) -> [ResourceKey] {
    switch resource.type {
    case .cluster: [ResourceKey(.endpoint, resource.name)]
    case .listener: [ResourceKey(.route, resource.name)]
    default: []
    }
  }

  /// Adds a resource of a message given as JSON.
  mutating func add<M: ProtobufMessage>(
    _ type: ResourceType, _ name: String, _: M.Type, _ json: JSONValue
  ) throws {
    resources.append(
      try Arena.scope { arena in
        EncodedResource(type: type, name: name, message: try M(json: json, in: arena))
      })
  }
}

/// The stream of a sidecar.
func connection(
  _ name: String, _ namespace: String = "default", _ types: [TypeStatus] = [],
  metadata: JSONValue = [:], applied: UInt64 = 1
) -> ConnectionStatus {
  let id = "sidecar~10.0.0.1~\(name).\(namespace)~\(namespace).svc.cluster.local"
  var node = ProxyNode(
    id: id, kind: .sidecar, addresses: ["10.0.0.1"], name: name, namespace: namespace,
    dnsDomain: "\(namespace).svc.cluster.local")
  node.cluster = "Kubernetes"
  node.istioVersion = "1.30.3"
  node.metadata = metadata.object ?? JSONObject()
  node.labels = ["app": name]
  return ConnectionStatus(
    id: id + "-1", node: node, peer: "ipv4:10.0.0.1:40000", connectedAt: 1_767_225_600,
    face: .sotw, types: types, generation: 1, applied: applied)
}

/// How a type stands on a stream.
func status(
  _ type: ResourceType, _ state: TypeStatus.State, sent: String? = nil, acked: String? = nil,
  error: TypeStatus.Failure? = nil, wildcard: Bool = true, held: [TypeStatus.Held] = []
) -> TypeStatus {
  func response(_ nonce: String) -> TypeStatus.Response {
    TypeStatus.Response(nonce: nonce, version: "v-" + nonce, sentAt: .milliseconds(1500))
  }
  return TypeStatus(
    type: type, state: state, sent: sent.map(response), acked: acked.map(response),
    lastError: error, wildcard: wildcard, names: held.count, heldBack: 0, resources: held)
}
