// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import KubernetesClient
import MeshModel
import Testing

@testable import KubernetesSource

@Suite("Reading what an API server says")
struct ReadingTests {
  static func event(_ text: String, _ reader: ObjectReader? = nil) -> WatchEvent {
    let reader = reader ?? ObjectReader(kind: Kubernetes.Service.kind)
    return Array(text.utf8).withUnsafeBufferPointer { reader.event($0) }
  }

  static let service = """
    {"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"n","uid":"u",
    "resourceVersion":"7","managedFields":[{"manager":"x"}],"generation":3,"annotations":{
    "kubectl.kubernetes.io/last-applied-configuration":"{}","networking.istio.io/exportTo":"."},
    "labels":{"app":"a"}},"spec":{"clusterIP":"10.0.0.1","newField":1}}
    """

  @Test("an object is read with its identity, and without what nothing reads")
  func object() throws {
    guard case .upsert(let read) = Self.event(#"{"type":"ADDED","object":\#(Self.service)}"#) else {
      Issue.record("no object")
      return
    }
    #expect(read.uid == "u" && read.resourceVersion == "7")
    let meta = try #require(read.object.object?.meta)
    #expect(meta.annotations == ["networking.istio.io/exportTo": "."])
    #expect(meta.labels == ["app": "a"])
    #expect(meta.resourceVersion.isEmpty && meta.generation == 0 && meta.uid == "u")
  }

  @Test("an edit of what nothing reads gives an equal object")
  func equal() {
    let edited = Self.service.replacing(#""resourceVersion":"7""#, with: #""resourceVersion":"8""#)
      .replacing(#""manager":"x""#, with: #""manager":"y""#)
      .replacing(#"configuration":"{}""#, with: #"configuration":"{1}""#)
    let events = [Self.service, edited].map {
      Self.event(#"{"type":"MODIFIED","object":\#($0)}"#)
    }
    guard case .upsert(let old) = events[0], case .upsert(let new) = events[1] else {
      Issue.record("no objects")
      return
    }
    #expect(old.resourceVersion != new.resourceVersion)
    #expect(old.object == new.object)
  }

  @Test("a field that the API does not know is no obstacle")
  func unknownField() throws {
    let text = Self.service.replacing("Service", with: "Service").replacing(
      #""newField":1"#, with: #""ports":[{"port":80,"brandNew":{}}]"#)
    guard case .upsert(let read) = Self.event(#"{"type":"ADDED","object":\#(text)}"#) else {
      Issue.record("no object")
      return
    }
    #expect(read.object.object != nil)
    #expect(read.object.diagnostics.allSatisfy { $0.effect == .warning })
  }

  @Test("deletions, bookmarks and errors are told apart")
  func others() {
    let key = ObjectKey(kind: Kubernetes.Service.kind, namespace: "n", name: "a")
    #expect(
      Self.event(#"{"type":"DELETED","object":\#(Self.service)}"#)
        == .deletion(key, uid: "u", resourceVersion: "7"))
    #expect(
      Self.event(#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}"#)
        == .bookmark(resourceVersion: "9", endsInitialEvents: false))
    let last = """
      {"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9",\
      "annotations":{"k8s.io/initial-events-end":"true"}}}}
      """
    #expect(Self.event(last) == .bookmark(resourceVersion: "9", endsInitialEvents: true))
    let gone = """
      {"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}
      """
    #expect(
      Self.event(gone)
        == .failure(APIRefusal(code: 410, reason: "Expired", message: "too old")))
  }

  @Test(
    "what makes no sense is said to",
    arguments: ["{", "{}", #"{"type":"ADDED"}"#, #"{"type":"NEW","object":{}}"#, "[]"])
  func unreadable(text: String) {
    guard case .unreadable = Self.event(text) else {
      Issue.record("\(text) is read")
      return
    }
  }

  @Test("items of a list take kind and version from the list")
  func list() throws {
    let text = """
      {"kind":"ServiceList","apiVersion":"v1","metadata":{"resourceVersion":"12","continue":"more"},
      "items":[{"metadata":{"name":"a","namespace":"n","resourceVersion":"3"},"spec":{}}]}
      """
    let page = try ObjectReader(kind: Kubernetes.Service.kind).page(Array(text.utf8))
    #expect(page.resourceVersion == "12" && page.continue == "more")
    #expect(page.objects.map(\.key.name) == ["a"])
    #expect(page.objects.first?.object.object?.kind == Kubernetes.Service.kind)
  }

  @Test("of ConfigMaps only those with an authority are kept; one that loses it is gone")
  func configMaps() {
    let reader = ObjectReader(kind: Kubernetes.ConfigMap.kind)
    let frame = { (data: String) in
      """
      {"type":"MODIFIED","object":{"apiVersion":"v1","kind":"ConfigMap",\
      "metadata":{"name":"m","namespace":"n","uid":"u","resourceVersion":"1"},"data":{\(data)}}}
      """
    }
    guard case .upsert = Self.event(frame(#""ca.crt":"x""#), reader) else {
      Issue.record("not kept")
      return
    }
    guard case .deletion = Self.event(frame(#""other":"x""#), reader) else {
      Issue.record("kept")
      return
    }
  }

  @Test("a Status tells how long to wait, and what is still to come")
  func status() throws {
    let text = """
      {"code":504,"reason":"Timeout","message":"Too large resource version: 9, current: 3",
      "details":{"retryAfterSeconds":3,"causes":[{"reason":"ResourceVersionTooLarge"}]}}
      """
    let refusal = APIRefusal(status: try JSONValue(parsing: text))
    #expect(refusal.isAhead && refusal.retryAfter == .seconds(3) && refusal.code == 504)
  }

  @Test("frames are cut at line ends, wherever the pieces end", arguments: 1...9)
  func lines(size: Int) {
    let body = Array("one\n\ntwo two\nthree".utf8)
    var splitter = LineSplitter()
    var lines: [String] = []
    for start in stride(from: 0, to: body.count, by: size) {
      splitter.feed(Array(body[start..<min(start + size, body.count)])) {
        lines.append(String(decoding: $0, as: UTF8.self))
      }
    }
    #expect(lines == ["one", "two two"] && splitter.isInFrame)
    splitter.feed([UInt8(ascii: "\n")]) { lines.append(String(decoding: $0, as: UTF8.self)) }
    #expect(lines.last == "three" && !splitter.isInFrame)
  }
}

@Suite("What all kinds told, joined")
struct SourceAssemblyTests {
  static let services = WatchedKind(kind: Kubernetes.Service.kind)
  static let pods = WatchedKind(kind: Kubernetes.Pod.kind)
  static let mesh = WatchedKind.mesh("istio", in: "istio-system")

  static func change(upserts: [String] = [], removals: [String] = []) -> ReflectorAction {
    var change = ReflectorChange()
    change.upserts = upserts.map { ReadObject.object($0, "1").object }
    change.removals = removals.map { ReadObject.key($0) }
    return .change(change)
  }

  @Test("nothing is given before all kinds are told, then one transaction")
  func first() {
    var assembly = SourceAssembly([Self.services, Self.pods])
    _ = assembly.take(Self.change(upserts: ["a"]), of: Self.services)
    _ = assembly.take(.synced, of: Self.services)
    #expect(assembly.give() == nil && assembly.missing == ["pods"])
    _ = assembly.take(.failing("503"), of: Self.pods)
    let early = assembly.give()?.transaction
    #expect(early?.isSynced == false && early?.upserts == [] && early?.problems.count == 1)
    _ = assembly.take(.recovered, of: Self.pods)
    _ = assembly.take(.synced, of: Self.pods)
    let transaction = assembly.give()?.transaction
    #expect(transaction?.isSynced == true && transaction?.problems == [])
    #expect(transaction?.upserts.map(\.key.name) == ["a"])
    #expect(assembly.give() == nil)
  }

  @Test("changes that nobody took yet become one; the last word counts")
  func merged() {
    var assembly = SourceAssembly([Self.services])
    _ = assembly.take(.synced, of: Self.services)
    _ = assembly.give()
    _ = assembly.take(Self.change(upserts: ["a", "b"]), of: Self.services)
    _ = assembly.take(Self.change(upserts: ["c"], removals: ["a", "c"]), of: Self.services)
    let transaction = assembly.give()?.transaction
    #expect(transaction?.upserts.map(\.key.name) == ["b", "c"])
    #expect(transaction?.removals.map(\.name) == ["a", "c"])
  }

  @Test("an empty cluster is a transaction too")
  func empty() {
    var assembly = SourceAssembly([Self.services, Self.mesh])
    _ = assembly.take(.synced, of: Self.services)
    #expect(assembly.give() == nil)
    _ = assembly.take(.synced, of: Self.mesh)
    let delivery = assembly.give()
    #expect(delivery?.mesh == [] && delivery?.transaction?.isSynced == true)
  }
}
