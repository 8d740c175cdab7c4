// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import ServiceDiscovery
import Testing

/// A store, and objects as JSON to put into it.
struct StoreFixture {
  var store = MeshStore(settings: MeshSettings())
  var time = 1.0

  /// Applies objects and removals as one transaction, a second after the last.
  @discardableResult
  mutating func apply(
    _ objects: [String] = [], removing: [ObjectKey] = [], synced: Bool = true
  ) throws -> StoreChange {
    time += 1
    return store.apply(
      SourceTransaction(
        upserts: try objects.map(StoreFixture.object), removals: removing, isSynced: synced),
      at: time)
  }

  /// An object as a source reads it from a file.
  static func object(_ json: String) throws -> SourcedObject {
    let value = try JSONValue(parsing: json)
    let reading = SourcedObject.read(
      value, strictness: .strict, origin: ObjectOrigin(file: "a.yaml", line: 3)
    ) { _ in 7 }
    guard case .object(let object) = reading else {
      throw StoreFixtureError(text: "no object: \(json)")
    }
    return object
  }

  static func route(_ name: String = "reviews", to subset: String = "v1") -> String {
    """
    {"apiVersion":"networking.istio.io/v1","kind":"VirtualService",
     "metadata":{"name":"\(name)"},"spec":{"hosts":["reviews"],
     "http":[{"route":[{"destination":{"host":"reviews","subset":"\(subset)"}}]}]}}
    """
  }

  static func service(_ name: String = "reviews", clusterIP: String = "10.0.0.1") -> String {
    """
    {"apiVersion":"v1","kind":"Service","metadata":{"name":"\(name)"},
     "spec":{"clusterIP":"\(clusterIP)","selector":{"app":"\(name)"},
     "ports":[{"name":"http","port":80}]}}
    """
  }

  static func pod(_ address: String, label: String = "x", phase: String = "Running") -> String {
    """
    {"apiVersion":"v1","kind":"Pod","metadata":{"name":"pod-\(address)",
     "labels":{"app":"\(label)"}},"spec":{"serviceAccountName":"default"},
     "status":{"podIP":"\(address)","phase":"\(phase)"}}
    """
  }

  static func slice(_ service: String = "reviews", _ addresses: [String]) -> String {
    let endpoints = addresses.map { address in
      """
      {"addresses":["\(address)"],"conditions":{"ready":true},
       "targetRef":{"kind":"Pod","name":"pod-\(address)","namespace":"default"}}
      """
    }
    return """
      {"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","addressType":"IPv4",
       "metadata":{"name":"\(service)-1","labels":{"kubernetes.io/service-name":"\(service)"}},
       "ports":[{"name":"http","port":8080}],"endpoints":[\(endpoints.joined(separator: ","))]}
      """
  }

  static func key(_ kind: ResourceKind, _ name: String) -> ObjectKey {
    ObjectKey(kind: kind, namespace: "default", name: name)
  }

  static let reviews = ServiceKey(
    Hostname(valid: "reviews.default.svc.cluster.local"), namespace: "default")
}

struct StoreFixtureError: Error {
  var text: String
}
