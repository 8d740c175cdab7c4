// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import ServiceDiscovery

/// A small mesh whose objects come, change and go.
struct ChangingMesh {
  /// An object that cannot be read.
  struct Unusable: Error {
    var text: String
  }

  private(set) var store = MeshStore(settings: MeshSettings())
  private var texts: [ObjectKey: SourcedObject] = [:]

  /// What is served.
  var snapshot: MeshSnapshot {
    get throws {
      guard let snapshot = store.snapshot else { throw Unusable(text: "no snapshot") }
      return snapshot
    }
  }

  /// Applies objects and removals as one transaction.
  @discardableResult
  mutating func apply(_ objects: [String], removing: [ObjectKey] = []) throws -> StoreChange {
    let sourced = try objects.map(ChangingMesh.object)
    for key in removing { texts[key] = nil }
    for object in sourced { texts[object.key] = object }
    return store.apply(SourceTransaction(upserts: sourced, removals: removing), at: 0)
  }

  /// The snapshot of all objects, made without any history.
  func rebuilt() throws -> MeshSnapshot {
    var fresh = MeshStore(settings: store.currentSettings)
    _ = fresh.apply(SourceTransaction(upserts: Array(texts.values)), at: 0)
    guard let snapshot = fresh.snapshot else { throw Unusable(text: "no snapshot") }
    return snapshot
  }

  private static func object(_ json: String) throws -> SourcedObject {
    let reading = SourcedObject.read(
      try JSONValue(parsing: json), strictness: .strict, origin: ObjectOrigin()
    ) { _ in nil }
    guard case .object(let object) = reading, object.object != nil else {
      throw Unusable(text: "\(reading)")
    }
    return object
  }

  /// A sidecar of a namespace.
  static func node(
    _ namespace: String, address: String, labels: [String: String] = [:], kind: String = "sidecar"
  ) throws -> ProxyNode {
    let members = labels.map { JSONObject.Member($0.key, .string($0.value)) }
    let metadata = JSONObject(distinct: [
      .init("CLUSTER_ID", .string("Kubernetes")), .init("ISTIO_VERSION", .string("1.30.3")),
      .init("LABELS", .object(JSONObject(distinct: members))),
    ])
    let node = ProxyNode(
      id: "\(kind)~\(address)~pod-\(address).\(namespace)~\(namespace).svc.cluster.local",
      metadata: metadata)
    guard let node else { throw Unusable(text: "node") }
    return node
  }
}

/// The objects of a ``ChangingMesh``, as JSON.
enum Objects {
  static func object(_ api: String, _ kind: String, _ name: String, _ spec: String) -> String {
    let parts = name.split(separator: "/")
    return """
      {"apiVersion":"\(api)","kind":"\(kind)",
       "metadata":{"name":"\(parts[1])","namespace":"\(parts[0])"},\(spec)}
      """
  }

  /// A service `n` on ports 80 (HTTP) and perhaps 7070 (TCP) and 9090 (sniffed).
  static func service(_ name: String, number: Int, ports: Int = 1, headless: Bool = false) -> String
  {
    let all = [
      #"{"name":"http","port":80}"#, #"{"name":"tcp","port":7070}"#, #"{"name":"odd","port":9090}"#,
    ]
    let address = headless ? "None" : "10.0.0.\(number)"
    return object(
      "v1", "Service", name,
      """
      "spec":{"clusterIP":"\(address)","selector":{"app":"a\(number)"},
       "ports":[\(all.prefix(ports).joined(separator: ","))]}
      """)
  }

  static func slice(_ service: String, number: Int, count: Int) -> String {
    let parts = service.split(separator: "/")
    let endpoints = (0..<count).map {
      #"{"addresses":["10.1.\#(number).\#($0)"],"conditions":{"ready":true}}"#
    }
    return """
      {"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","addressType":"IPv4",
       "metadata":{"name":"\(parts[1])-1","namespace":"\(parts[0])",
       "labels":{"kubernetes.io/service-name":"\(parts[1])"}},
       "ports":[{"name":"http","port":8080},{"name":"tcp","port":7070},{"name":"odd","port":9}],
       "endpoints":[\(endpoints.joined(separator: ","))]}
      """
  }

  static func pod(_ name: String, address: String, app: String, account: String) -> String {
    object(
      "v1", "Pod", name,
      """
      "spec":{"serviceAccountName":"\(account)"},
       "status":{"podIP":"\(address)","phase":"Running"}
      """
    ).replacing("\"metadata\":{", with: "\"metadata\":{\"labels\":{\"app\":\"\(app)\"},")
  }

  static func route(
    _ name: String, host: String, weight: Int, match: String = "", gateways: String = "mesh"
  ) -> String {
    object(
      "networking.istio.io/v1", "VirtualService", name,
      """
      "spec":{"hosts":["\(host)"],"gateways":["\(gateways)"],"http":[{\(match)"route":[
       {"destination":{"host":"\(host)","subset":"v1"},"weight":\(weight)},
       {"destination":{"host":"\(host)","subset":"v2"},"weight":\(100 - weight)}]}]}
      """)
  }

  static func rule(_ name: String, host: String, extra: String = "") -> String {
    object(
      "networking.istio.io/v1", "DestinationRule", name,
      """
      "spec":{"host":"\(host)"\(extra),"subsets":[{"name":"v1","labels":{"version":"v1"}},
       {"name":"v2","labels":{"version":"v2"}}]}
      """)
  }

  static func policy(_ name: String, mode: String) -> String {
    object(
      "security.istio.io/v1", "PeerAuthentication", name, #""spec":{"mtls":{"mode":"\#(mode)"}}"#)
  }
}
