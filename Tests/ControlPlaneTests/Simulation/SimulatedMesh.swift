// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import Testing

/// A small mesh of Kubernetes and Istio objects that changes at random: a real store, written as
/// sources write it.
struct SimulatedMesh {
  private(set) var store = MeshStore(settings: MeshSettings())
  private var time = 1.0
  private var written: [String: ObjectKey] = [:]
  private var edits = 0

  static let services = 3
  private static let addresses = 4

  /// The first full state, everything but Istio's objects: the same value for all who begin.
  static let begun: SimulatedMesh = {
    var mesh = SimulatedMesh()
    mesh.begin()
    return mesh
  }()

  private mutating func begin() {
    var objects = [Self.gateway]
    for service in 0..<Self.services {
      objects.append(Self.service(service))
      objects += (0..<Self.addresses).map { Self.pod(service, $0) }
      objects.append(Self.slice(service, [0, 1]))
    }
    _ = write(objects.map { ("", $0) }, removing: [])
  }

  /// One transaction of one to three edits, and what it was in words.
  mutating func change(
    _ random: inout SeededGenerator
  ) -> (change: StoreChange, words: String) {
    var upserts: [(key: String, json: String)] = []
    var removals: [String] = []
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      let edit = edit(&random)
      if let json = edit.json {
        upserts.append((edit.key, json))
      } else {
        removals.append(edit.key)
      }
    }
    let words = upserts.map { "+" + $0.key } + removals.map { "-" + $0 }
    return (write(upserts, removing: removals), words.joined(separator: " "))
  }

  private mutating func edit(
    _ random: inout SeededGenerator
  ) -> (key: String, json: String?) {
    edits += 1
    let service = Int.random(in: 0..<Self.services, using: &random)
    let isGone = Int.random(in: 0..<4, using: &random) == 0
    switch Int.random(in: 0..<12, using: &random) {
    case ..<5:
      let some = (0..<Self.addresses).filter { _ in Bool.random(using: &random) }
      return ("slice \(service)", Self.slice(service, some))
    case ..<7:
      let to = Int.random(in: 0..<Self.services, using: &random)
      let subset = ["", "v1", "v2"].randomElement(using: &random) ?? ""
      let json = Self.route(service, to: to, subset: subset, edit: edits)
      return ("route \(service)", isGone ? nil : json)
    case ..<9:
      return ("rule \(service)", isGone ? nil : Self.rule(service, &random))
    case 9:
      return ("service \(service)", isGone ? nil : Self.service(service))
    case 10:
      let to = Int.random(in: 0..<Self.services, using: &random)
      return ("ingress", isGone ? nil : Self.ingress(to: to, edit: edits))
    default:
      let mode = ["STRICT", "PERMISSIVE", "DISABLE"].randomElement(using: &random) ?? ""
      return ("mtls", isGone ? nil : Self.mtls(mode))
    }
  }

  private mutating func write(
    _ upserts: [(key: String, json: String)], removing removals: [String]
  ) -> StoreChange {
    time += 1
    let objects = upserts.compactMap { key, json in
      let object = Self.object(json)
      written[key] = object?.key
      return object
    }
    let gone = removals.compactMap { written.removeValue(forKey: $0) ?? Self.key($0) }
    return store.apply(
      SourceTransaction(upserts: objects, removals: gone, isSynced: true), at: time)
  }

  private static func object(_ json: String) -> SourcedObject? {
    guard let value = try? JSONValue(parsing: json),
      case .object(let object) = SourcedObject.read(
        value, strictness: .strict, origin: ObjectOrigin(file: "a.yaml", line: 1), line: { _ in 1 }),
      object.object != nil
    else {
      Issue.record("no valid object: \(json)")
      return nil
    }
    return object
  }

  /// The key of what was written at the beginning.
  private static func key(_ words: String) -> ObjectKey? {
    let parts = words.split(separator: " ")
    guard parts.first == "service", let number = parts.last else { return nil }
    return object(service(Int(number) ?? 0))?.key
  }
}

/// The objects as JSON.
extension SimulatedMesh {
  private static func service(_ number: Int) -> String {
    """
    {"apiVersion":"v1","kind":"Service","metadata":{"name":"s\(number)"},
     "spec":{"clusterIP":"10.0.0.\(number + 1)","selector":{"app":"s\(number)"},
     "ports":[{"name":"http","port":80}]}}
    """
  }

  private static func pod(_ service: Int, _ number: Int) -> String {
    """
    {"apiVersion":"v1","kind":"Pod","metadata":{"name":"s\(service)-\(number)",
     "labels":{"app":"s\(service)","version":"v\(number % 2 + 1)",
     "security.istio.io/tlsMode":"istio"}},
     "spec":{"serviceAccountName":"default"},
     "status":{"podIP":"10.1.\(service).\(number + 1)","phase":"Running"}}
    """
  }

  private static func slice(_ service: Int, _ numbers: [Int]) -> String {
    let endpoints = numbers.map { number in
      """
      {"addresses":["10.1.\(service).\(number + 1)"],"conditions":{"ready":true},
       "targetRef":{"kind":"Pod","name":"s\(service)-\(number)","namespace":"default"}}
      """
    }
    return """
      {"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","addressType":"IPv4",
       "metadata":{"name":"s\(service)-1","labels":{"kubernetes.io/service-name":"s\(service)"}},
       "ports":[{"name":"http","port":8080}],"endpoints":[\(endpoints.joined(separator: ","))]}
      """
  }

  private static func route(_ service: Int, to: Int, subset: String, edit: Int) -> String {
    let part = subset.isEmpty ? "" : ",\"subset\":\"\(subset)\""
    return """
      {"apiVersion":"networking.istio.io/v1","kind":"VirtualService",
       "metadata":{"name":"s\(service)"},"spec":{"hosts":["s\(service)"],
       "http":[{"name":"edit-\(edit)","route":[{"destination":{"host":"s\(to)"\(part)}}]}]}}
      """
  }

  private static func ingress(to: Int, edit: Int) -> String {
    """
    {"apiVersion":"networking.istio.io/v1","kind":"VirtualService",
     "metadata":{"name":"ingress"},"spec":{"hosts":["a.example"],"gateways":["gw"],
     "http":[{"name":"edit-\(edit)","route":[{"destination":{"host":"s\(to)"}}]}]}}
    """
  }

  private static func rule(_ service: Int, _ random: inout SeededGenerator) -> String {
    let policies = [
      "{\"loadBalancer\":{\"simple\":\"RANDOM\"}}",
      "{\"outlierDetection\":{\"consecutive5xxErrors\":\(Int.random(in: 1...9, using: &random))}}",
      "{\"tls\":{\"mode\":\"DISABLE\"}}", "{\"tls\":{\"mode\":\"ISTIO_MUTUAL\"}}",
      "{\"loadBalancer\":{\"localityLbSetting\":{\"enabled\":false}}}",
    ]
    let subsets = ["v1", "v2"].filter { _ in Int.random(in: 0..<4, using: &random) > 0 }
      .map { "{\"name\":\"\($0)\",\"labels\":{\"version\":\"\($0)\"}}" }
    return """
      {"apiVersion":"networking.istio.io/v1","kind":"DestinationRule",
       "metadata":{"name":"s\(service)"},"spec":{"host":"s\(service)",
       "trafficPolicy":\(policies.randomElement(using: &random) ?? ""),
       "subsets":[\(subsets.joined(separator: ","))]}}
      """
  }

  private static func mtls(_ mode: String) -> String {
    """
    {"apiVersion":"security.istio.io/v1","kind":"PeerAuthentication",
     "metadata":{"name":"default"},"spec":{"mtls":{"mode":"\(mode)"}}}
    """
  }

  private static let gateway = """
    {"apiVersion":"networking.istio.io/v1","kind":"Gateway","metadata":{"name":"gw"},
     "spec":{"selector":{"istio":"ingress"},"servers":[
     {"port":{"number":80,"name":"http","protocol":"HTTP"},"hosts":["*"]}]}}
    """
}
