// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import Testing

@testable import KubernetesSource

@Suite("Snapshot of a source")
struct SnapshotTests {
  static func object(_ text: String) throws -> ConfigurationObject {
    let (object, diagnostics) = ConfigurationObject.decode(try JSONValue(parsing: text))
    return try #require(object, "\(diagnostics)")
  }

  static let texts = [
    """
    {"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"n","uid":"u",
    "creationTimestamp":"2026-01-31T10:00:00Z","labels":{"a":"b"}},"type":"kubernetes.io/tls",
    "data":{"tls.key":"AAEC/w=="}}
    """,
    """
    {"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n",
    "deletionTimestamp":"2026-01-31T10:00:00Z","ownerReferences":[{"apiVersion":"apps/v1",
    "kind":"ReplicaSet","name":"r","uid":"x","controller":true}]},
    "spec":{"nodeName":"a"},"status":{"podIP":"10.0.0.1"}}
    """,
    """
    {"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"v",
    "namespace":"n"},"spec":{"hosts":["a"],"http":[{"timeout":"1.5s","match":[{"uri":{"prefix":"/"}}],
    "route":[{"destination":{"host":"a","port":{"number":80}},"weight":100}]}]}}
    """,
    #"{"apiVersion":"v1","kind":"Node","metadata":{"name":"n"}}"#,
    """
    {"apiVersion":"networking.istio.io/v1","kind":"ServiceEntry","metadata":{"name":"e",
    "namespace":"n","generation":4},"spec":{"hosts":["b","a"],"resolution":"DNS",
    "ports":[{"number":80,"name":"http","protocol":"HTTP"}]},
    "status":{"addresses":[{"host":"a","value":"240.240.0.2"},{"host":"a","value":"2001:2::2"},
    {"host":"b","value":"240.240.0.1"}]}}
    """,
    """
    {"apiVersion":"networking.istio.io/v1","kind":"WorkloadEntry","metadata":{"name":"w",
    "namespace":"n"},"spec":{"address":"10.1.1.1"},
    "status":{"conditions":[{"type":"Healthy","status":"False"}]}}
    """,
  ]

  static func snapshot() throws -> SourceSnapshot {
    SourceSnapshot(
      server: "https://a", time: 1_700_000_000,
      mesh: [.init(name: "istio", entries: ["mesh": "a: \"b\"\n"])],
      objects: try texts.map(object))
  }

  @Test("what is written is read as equal objects, Secrets with their bytes")
  func inverse() throws {
    let snapshot = try Self.snapshot()
    let read = try SourceSnapshot(bytes: snapshot.bytes)
    #expect(Set(read.objects) == Set(snapshot.objects))
    #expect(read.mesh == snapshot.mesh)
    #expect(read.server == snapshot.server && read.time == snapshot.time)
  }

  @Test("a file that lacks or differs in one byte is not believed")
  func broken() throws {
    let bytes = try Self.snapshot().bytes
    for position in stride(from: 0, to: bytes.count, by: 13) {
      var other = bytes
      other[position] ^= 1
      #expect(throws: SourceSnapshot.Unusable.self) { try SourceSnapshot(bytes: other) }
      #expect(throws: SourceSnapshot.Unusable.self) {
        try SourceSnapshot(bytes: Array(bytes[..<position]))
      }
    }
  }

  @Test("what stands in is replaced by what the API server tells: only the rest is gone")
  func standIn() throws {
    let watch = WatchedKind(kind: Kubernetes.Service.kind)
    var assembly = SourceAssembly([watch])
    let snapshot = try Self.snapshot()
    let delivery = assembly.giveStandIn(snapshot, note: "old")
    #expect(delivery?.transaction?.isSynced == true && delivery?.mesh == snapshot.mesh)
    #expect(delivery?.transaction?.problems.map(\.message) == ["old"])
    #expect(assembly.giveStandIn(snapshot, note: "old") == nil)
    var change = ReflectorChange()
    let kept = snapshot.objects[0]
    change.upserts = [SourcedObject(key: kept.key, object: kept)]
    _ = assembly.take(.change(change), of: watch)
    #expect(assembly.give() == nil)
    _ = assembly.take(.synced, of: watch)
    let transaction = try #require(assembly.give()?.transaction)
    #expect(transaction.upserts.map(\.key) == [kept.key])
    #expect(Set(transaction.removals) == Set(snapshot.objects.dropFirst().map(\.key)))
    #expect(transaction.problems.isEmpty && !assembly.isStandIn)
    #expect(assembly.giveStandIn(snapshot, note: "old") == nil)
  }
}
