// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import Testing

@testable import KubernetesSource

/// Random edits of objects that are served, as the API server tells them; seeds stand in what fails.
@Suite("Metadata that nothing reads")
struct UnreadMetadataTests {
  /// A mesh of one object of each kind, with the objects as the API server has them.
  private struct Mesh {
    var store = MeshStore(settings: MeshSettings())
    var objects: [JSONValue]

    init() throws {
      objects = try UnreadMetadataTests.objects.map { try JSONValue(parsing: $0) }
      let read = try objects.map { try UnreadMetadataTests.read($0) }
      let change = store.apply(SourceTransaction(upserts: read), at: 0)
      try #require(!change.isEmpty && store.snapshot != nil)
      try #require(read.allSatisfy { $0.object != nil }, "\(read.flatMap(\.diagnostics))")
    }

    /// What of the snapshot changes with an object.
    mutating func apply(_ object: JSONValue) throws -> StoreChange {
      let read = try UnreadMetadataTests.read(object)
      return store.apply(SourceTransaction(upserts: [read]), at: 1)
    }
  }

  private static let objects = [
    #"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"n"}}"#,
    #"{"apiVersion":"v1","kind":"Node","metadata":{"name":"node"},"status":{"addresses":[]}}"#,
    """
    {"apiVersion":"v1","kind":"Service","metadata":{"name":"s","namespace":"n"},
    "spec":{"clusterIP":"10.0.0.1","selector":{"app":"s"},"ports":[{"name":"http","port":80}]},
    "status":{"loadBalancer":{}}}
    """,
    """
    {"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{"name":"s-x",
    "namespace":"n","labels":{"kubernetes.io/service-name":"s"}},"addressType":"IPv4",
    "ports":[{"name":"http","port":8080}],"endpoints":[{"addresses":["10.1.0.1"],
    "targetRef":{"kind":"Pod","namespace":"n","name":"p"}}]}
    """,
    """
    {"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n","labels":{"app":"s"}},
    "spec":{"nodeName":"node"},"status":{"phase":"Running","podIP":"10.1.0.1"}}
    """,
    """
    {"apiVersion":"v1","kind":"Secret","metadata":{"name":"c","namespace":"n"},
    "type":"kubernetes.io/tls","data":{"tls.crt":"AA==","tls.key":"AA=="}}
    """,
    """
    {"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"v",
    "namespace":"n"},"spec":{"hosts":["s"],"http":[{"route":[{"destination":{"host":"s"}}]}]}}
    """,
    """
    {"apiVersion":"networking.istio.io/v1","kind":"DestinationRule","metadata":{"name":"d",
    "namespace":"n"},"spec":{"host":"s"}}
    """,
    """
    {"apiVersion":"networking.istio.io/v1","kind":"Gateway","metadata":{"name":"g","namespace":"n"},
    "spec":{"selector":{"app":"g"},"servers":[{"port":{"number":80,"name":"http",
    "protocol":"HTTP"},"hosts":["*"]}]}}
    """,
    """
    {"apiVersion":"networking.istio.io/v1","kind":"ServiceEntry","metadata":{"name":"e",
    "namespace":"n"},"spec":{"hosts":["e.example"],"resolution":"STATIC","workloadSelector":
    {"labels":{"app":"w"}},"ports":[{"number":80,"name":"http","protocol":"HTTP"}]}}
    """,
    """
    {"apiVersion":"networking.istio.io/v1","kind":"WorkloadEntry","metadata":{"name":"w",
    "namespace":"n"},"spec":{"address":"10.2.0.1","labels":{"app":"w"}}}
    """,
    """
    {"apiVersion":"networking.istio.io/v1","kind":"Sidecar","metadata":{"name":"b","namespace":"n"},
    "spec":{"egress":[{"hosts":["./*"]}]}}
    """,
    """
    {"apiVersion":"security.istio.io/v1","kind":"PeerAuthentication","metadata":{"name":"a",
    "namespace":"n"},"spec":{"mtls":{"mode":"STRICT"}}}
    """,
    """
    {"apiVersion":"telemetry.istio.io/v1","kind":"Telemetry","metadata":{"name":"t",
    "namespace":"n"},"spec":{"accessLogging":[{"disabled":true}]}}
    """,
  ]

  /// The kinds whose labels select or are selected, or say where something is.
  private static let labelled: Set = [
    "Namespace", "Node", "Pod", "Service", "ServiceEntry", "WorkloadEntry",
  ]

  private static func read(_ object: JSONValue) throws -> SourcedObject {
    let key = try #require(SourcedObject.writtenKey(object))
    let frame = JSONValue.object(
      JSONObject(distinct: [.init("type", "MODIFIED"), .init("object", object)]))
    let event = Array(frame.text().utf8).withUnsafeBufferPointer {
      ObjectReader(kind: key.kind).event($0)
    }
    guard case .upsert(let read) = event else { throw Unread(event: "\(event)") }
    return read.object
  }

  private struct Unread: Error { var event: String }

  /// An object with a member at a path.
  private static func setting(
    _ object: JSONValue, _ path: ArraySlice<String>, to value: JSONValue
  ) -> JSONValue {
    guard let first = path.first else { return value }
    var members = object.object ?? JSONObject()
    members[first] = setting(members[first] ?? .object(JSONObject()), path.dropFirst(), to: value)
    return .object(members)
  }

  /// An edit that nothing reads.
  private static func unread(
    _ object: JSONValue, _ random: inout SeededNumbers
  ) -> JSONValue {
    let text = JSONValue.string(String(random.next(), radix: 16))
    let number = JSONValue.integer(Int64(random.next() >> 32))
    var edits: [([String], JSONValue)] = [
      (["metadata", "resourceVersion"], text),
      (["metadata", "managedFields"], [["manager": text, "operation": "Update"]]),
      (["metadata", "annotations", "example.com/a"], text),
      (["metadata", "annotations", "deployment.kubernetes.io/revision"], text),
      (["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"], text),
      (["metadata", "annotations", "plain"], text),
      (["metadata", "finalizers"], [text]),
      (["metadata", "generation"], number),
    ]
    let kind = object["kind"]?.string ?? ""
    if !labelled.contains(kind) {
      edits += [(["metadata", "labels", "team"], text), (["metadata", "labels", "x.io/y"], text)]
    }
    if object["apiVersion"]?.string?.contains("istio.io") == true {
      edits += [
        (["status", "observedGeneration"], text),
        (["status", "validationMessages"], [["type": ["code": text]]]),
        (["status", "conditions"], [["type": "Reconciled", "status": text]]),
      ]
    }
    switch kind {
    case "Pod": edits.append((["status", "startTime"], text))
    case "Node", "Namespace", "Service": break
    default: return edited(object, edits, &random)
    }
    edits.append((["status", "conditions"], [["type": text, "status": "True"]]))
    return edited(object, edits, &random)
  }

  /// An object after some of these edits.
  private static func edited(
    _ object: JSONValue, _ edits: [([String], JSONValue)], _ random: inout SeededNumbers
  ) -> JSONValue {
    var edited = object
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      let (path, value) = edits[Int.random(in: edits.indices, using: &random)]
      edited = setting(edited, path[...], to: value)
    }
    return edited
  }

  @Test("makes no snapshot, whichever of it is edited, of whichever kind")
  func unreadEdits() async throws {
    for seed in UInt64(1)...30 {
      await Task.yield()  // Others have deadlines, and few threads to keep them with.
      var random = SeededNumbers(state: seed)
      var mesh = try Mesh()
      let generation = mesh.store.snapshot?.generation
      for step in 0..<60 {
        let place = Int.random(in: mesh.objects.indices, using: &random)
        mesh.objects[place] = Self.unread(mesh.objects[place], &random)
        let change = try mesh.apply(mesh.objects[place])
        guard change.isEmpty, mesh.store.snapshot?.generation == generation else {
          Issue.record("seed \(seed), step \(step): \(mesh.objects[place].text()) is a change")
          return
        }
      }
    }
  }

  @Test(
    "but what is read does",
    arguments: [
      ("Namespace", ["metadata", "labels", "topology.istio.io/network"], "net"),
      ("Node", ["metadata", "labels", "topology.kubernetes.io/region"], "r"),
      ("Service", ["metadata", "annotations", "networking.istio.io/exportTo"], "."),
      ("Service", ["metadata", "annotations", "networking.istio.io/traffic-distribution"], "X"),
      ("EndpointSlice", ["metadata", "labels", "kubernetes.io/service-name"], "other"),
      ("Pod", ["metadata", "labels", "security.istio.io/tlsMode"], "istio"),
      ("Pod", ["metadata", "annotations", "proxy.istio.io/config"], "{}"),
      ("VirtualService", ["metadata", "labels", "istio.io/rev"], "other"),
      ("Gateway", ["metadata", "annotations", "internal.istio.io/service-name"], "s"),
      ("ServiceEntry", ["metadata", "labels", "istio.io/rev"], "other"),
      ("WorkloadEntry", ["metadata", "labels", "app"], "other"),
    ])
  func readEdits(kind: String, path: [String], value: String) throws {
    var random = SeededNumbers(state: 7)
    var mesh = try Mesh()
    let object = try #require(mesh.objects.first { $0["kind"]?.string == kind })
    let noise = Self.unread(object, &random)
    let change = try mesh.apply(Self.setting(noise, path[...], to: .string(value)))
    #expect(!change.isEmpty)
  }

  @Test("status counts where it says addresses of hosts, or whether a workload is healthy")
  func readStatus() throws {
    var settings = MeshSettings()
    settings.readsAllocatedAddresses = true
    var mesh = try Mesh()
    _ = mesh.store.set(settings)
    let entry = try #require(mesh.objects.first { $0["kind"]?.string == "ServiceEntry" })
    let addresses: JSONValue = [["host": "e.example", "value": "240.240.0.9"]]
    #expect(!(try mesh.apply(Self.setting(entry, ["status", "addresses"], to: addresses))).isEmpty)
    let workload = try #require(mesh.objects.first { $0["kind"]?.string == "WorkloadEntry" })
    let checked = Self.setting(
      workload, ["metadata", "annotations", "proxy.istio.io/health-checks-enabled"], to: "true")
    #expect(!(try mesh.apply(checked)).isEmpty)
    let healthy: JSONValue = [["type": "Healthy", "status": "True"]]
    #expect(
      !(try mesh.apply(Self.setting(checked, ["status", "conditions"], to: healthy))).isEmpty)
  }
}
