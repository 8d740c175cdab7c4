// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import KubernetesClient
import MeshModel
import Testing

@testable import KubernetesSource

/// Writes protobuf by hand, with the field numbers of k8s.io/api.
private struct Wire {
  var bytes: [UInt8] = []

  static func message(_ write: (inout Wire) -> Void) -> [UInt8] {
    var wire = Wire()
    write(&wire)
    return wire.bytes
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  mutating func number(_ field: UInt64, _ value: UInt64) {
    varint(field << 3)
    varint(value)
  }

  mutating func counted(_ field: UInt64, _ content: [UInt8]) {
    varint(field << 3 | 2)
    varint(UInt64(content.count))
    bytes += content
  }

  mutating func text(_ field: UInt64, _ text: String) { counted(field, Array(text.utf8)) }

  mutating func message(_ field: UInt64, _ write: (inout Wire) -> Void) {
    counted(field, Wire.message(write))
  }

  /// `k8s`, a zero, and a `runtime.Unknown`.
  static func envelope(_ kind: String, _ object: [UInt8]) -> [UInt8] {
    [0x6B, 0x38, 0x73, 0]
      + message { unknown in
        unknown.message(1) { type in
          type.text(1, "v1")
          type.text(2, kind)
        }
        unknown.counted(2, object)
        unknown.text(3, "")
        unknown.text(4, "")
      }
  }

  static func frame(_ type: String, _ kind: String, _ object: [UInt8]) -> [UInt8] {
    message { event in
      event.text(1, type)
      event.message(2) { $0.counted(1, envelope(kind, object)) }
    }
  }
}

@Suite("Reading Kubernetes' protobuf")
struct WireTests {
  /// A Service as an API server writes it: empty texts and fields that nothing reads too.
  private static func service(version: String = "7") -> [UInt8] {
    Wire.message { service in
      service.message(1) { meta in
        meta.text(1, "a")
        meta.text(2, "")
        meta.text(3, "n")
        meta.text(4, "")
        meta.text(5, "u")
        meta.text(6, version)
        meta.number(7, 3)
        meta.message(8) { $0.number(1, 1_769_853_600) }
        for (key, value) in [("app", "a"), ("tier", "b")] {
          meta.message(11) {
            $0.text(1, key); $0.text(2, value)
          }
        }
        for (key, value) in [("networking.istio.io/exportTo", "."), ("other/x", "y")] {
          meta.message(12) {
            $0.text(1, key); $0.text(2, value)
          }
        }
        meta.message(17) { $0.text(1, "kubectl") }
      }
      service.message(2) { spec in
        spec.message(1) { port in
          port.text(1, "http")
          port.text(2, "TCP")
          port.number(3, 80)
          port.message(4) {
            $0.number(1, 1); $0.number(2, 0); $0.text(3, "web")
          }
          port.number(5, 0)
        }
        spec.message(1) { port in
          port.number(3, 81)
          port.message(4) {
            $0.number(1, 0); $0.number(2, 8081); $0.text(3, "")
          }
        }
        spec.message(2) {
          $0.text(1, "app"); $0.text(2, "a")
        }
        spec.text(3, "10.0.0.1")
        spec.text(4, "ClusterIP")
        spec.number(13, 1)
      }
      service.message(3) { $0.message(1) { _ in } }
    }
  }

  private static let json = """
    {"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"n","uid":"u",
    "resourceVersion":"7","generation":3,"creationTimestamp":"2026-01-31T10:00:00Z",
    "labels":{"app":"a","tier":"b"},"annotations":{"networking.istio.io/exportTo":".","other/x":"y"}},
    "spec":{"ports":[{"name":"http","protocol":"TCP","port":80,"targetPort":"web"},
    {"port":81,"targetPort":8081}],"selector":{"app":"a"},"clusterIP":"10.0.0.1","type":"ClusterIP",
    "publishNotReadyAddresses":true},"status":{"loadBalancer":{}}}
    """

  private static func event(_ frame: [UInt8], _ kind: ResourceKind = Kubernetes.Service.kind)
    -> WatchEvent
  {
    frame.withUnsafeBytes { ObjectReader(kind: kind).event(wire: $0) }
  }

  @Test("an object is what its JSON is")
  func object() {
    let wire = Self.event(Wire.frame("ADDED", "Service", Self.service()))
    let text = ReadingTests.event(#"{"type":"ADDED","object":\#(Self.json)}"#)
    #expect(wire == text)
    guard case .upsert(let read) = wire, case .service(let service)? = read.object.object else {
      Issue.record("no service")
      return
    }
    #expect(read.uid == "u" && read.resourceVersion == "7")
    #expect(service.meta.annotations == ["networking.istio.io/exportTo": "."])
    #expect(service.spec.spec?.ports.map(\.port) == [80, 81])
  }

  @Test("a list has its version, its rest, and its items")
  func list() throws {
    let list = Wire.message { list in
      list.message(1) {
        $0.text(1, ""); $0.text(2, "12"); $0.text(3, "more")
      }
      list.counted(2, Self.service())
      list.counted(2, Self.service(version: "8"))
    }
    let bytes = Wire.envelope("ServiceList", list)
    let page = try bytes.withUnsafeBufferPointer {
      try ObjectReader(kind: Kubernetes.Service.kind).page(wire: UnsafeRawBufferPointer($0))
    }
    #expect(page.resourceVersion == "12" && page.continue == "more")
    #expect(page.objects.map(\.resourceVersion) == ["7", "8"])
  }

  @Test("deletions, bookmarks and errors are told apart")
  func others() {
    let key = ObjectKey(kind: Kubernetes.Service.kind, namespace: "n", name: "a")
    #expect(
      Self.event(Wire.frame("DELETED", "Service", Self.service()))
        == .deletion(key, uid: "u", resourceVersion: "7"))
    let bookmark = { (isLast: Bool) in
      Wire.message { object in
        object.message(1) { meta in
          meta.text(6, "9")
          if isLast {
            meta.message(12) {
              $0.text(1, "k8s.io/initial-events-end"); $0.text(2, "true")
            }
          }
        }
      }
    }
    for isLast in [false, true] {
      #expect(
        Self.event(Wire.frame("BOOKMARK", "Service", bookmark(isLast)))
          == .bookmark(resourceVersion: "9", endsInitialEvents: isLast))
    }
    let gone = Wire.message { status in
      status.text(2, "Failure")
      status.text(3, "too old")
      status.text(4, "Expired")
      status.message(5) { $0.number(5, 2) }
      status.number(6, 410)
    }
    let refusal = APIRefusal(
      code: 410, reason: "Expired", message: "too old", retryAfter: .seconds(2))
    #expect(Self.event(Wire.frame("ERROR", "Status", gone)) == .failure(refusal))
  }

  @Test("bytes that are cut anywhere, or are something else, are said to be unreadable")
  func unreadable() {
    let frame = Wire.frame("ADDED", "Service", Self.service())
    for end in 0..<frame.count {
      guard case .unreadable = Self.event(Array(frame[..<end])) else {
        Issue.record("\(end) bytes of \(frame.count) are read")
        return
      }
    }
    // Whatever byte is another one, nothing worse happens than another object.
    for place in frame.indices {
      var harmed = frame
      harmed[place] ^= 0xFF
      _ = Self.event(harmed)
    }
    let notText = Wire.message { $0.message(1) { $0.counted(1, [0xC3, 0x28]) } }
    guard case .unreadable = Self.event(Wire.frame("ADDED", "Service", notText)) else {
      Issue.record("a name that is not UTF-8 is read")
      return
    }
  }

  @Test("a Secret's bytes are bytes; a ConfigMap without an authority is not kept")
  func kinds() {
    let meta = { (wire: inout Wire) in
      wire.message(1) {
        $0.text(1, "s"); $0.text(3, "n")
      }
    }
    let secret = Wire.message { object in
      meta(&object)
      object.message(2) {
        $0.text(1, "tls.key"); $0.counted(2, [0, 255, 1])
      }
      object.text(3, "kubernetes.io/tls")
    }
    guard
      case .upsert(let read) = Self.event(
        Wire.frame("ADDED", "Secret", secret), Kubernetes.Secret.kind),
      case .secret(let found)? = read.object.object
    else {
      Issue.record("no secret")
      return
    }
    #expect(
      found.spec.data["tls.key"]?.bytes == [0, 255, 1] && found.spec.type == "kubernetes.io/tls")
    for (key, isKept) in [("ca.crt", true), ("other", false)] {
      let map = Wire.message { object in
        meta(&object)
        object.message(2) {
          $0.text(1, key); $0.text(2, "x")
        }
      }
      let event = Self.event(Wire.frame("ADDED", "ConfigMap", map), Kubernetes.ConfigMap.kind)
      if case .upsert = event { #expect(isKept) } else { #expect(!isKept) }
    }
  }

  @Test("frames are cut at their lengths, wherever the pieces end", arguments: 1...9)
  func frames(size: Int) {
    let frames: [[UInt8]] = [[1, 2, 3], [], Array(repeating: 7, count: 300)]
    let body = frames.flatMap { frame in
      let length = UInt32(frame.count)
      return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) } + frame
    }
    var splitter = CountedSplitter()
    var found: [[UInt8]] = []
    for start in stride(from: 0, to: body.count, by: size) {
      splitter.feed(Array(body[start..<min(start + size, body.count)])) { found.append(Array($0)) }
    }
    #expect(found == frames && !splitter.isInFrame)
    splitter.feed([0, 0, 0, 2, 1]) { _ in Issue.record("half a frame is handed on") }
    #expect(splitter.isInFrame)
  }
}
