// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import Glibc
import JSON
import MeshModel

/// What it costs to read a list of EndpointSlices as an API server sends it.
struct DecodingBench {
  /// What one way of reading costs.
  struct Row {
    var form: String
    var milliseconds: Double
    var bytes: Int
  }

  private static let slices = 1000
  private static let endpoints = 100
  private static let uid = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"

  /// The rows: protobuf, then JSON, or the one of them that is named.
  static func run(only form: String) throws -> [Row] {
    var rows: [Row] = []
    if form != "json" { rows.append(try row("protobuf", wireList, readWire)) }
    if form != "protobuf" { rows.append(try row("json", Array(jsonList.utf8), readJSON)) }
    return rows
  }

  private static func row(
    _ form: String, _ bytes: [UInt8], _ read: ([UInt8]) throws -> [SourcedObject]
  ) throws -> Row {
    let objects = try read(bytes)
    let began = cpuSeconds()
    let repeats = 5
    for _ in 0..<repeats { _ = try read(bytes) }
    let milliseconds = (cpuSeconds() - began) * 1000 / Double(repeats)
    guard objects.filter({ $0.object != nil }).count == slices else {
      throw Unusable(shape: "decoding", reason: "not all slices are read")
    }
    return Row(form: form, milliseconds: milliseconds, bytes: bytes.count)
  }

  // MARK: Reading

  private static func readJSON(_ bytes: [UInt8]) throws -> [SourcedObject] {
    let value = try JSONValue(parsing: bytes, limits: JSONLimits(bytes: 1 << 30))
    return (value["items"]?.array ?? []).compactMap { item in
      let reading = SourcedObject.read(
        item, strictness: .lenient, origin: ObjectOrigin(), line: { _ in nil })
      guard case .object(let object) = reading else { return nil }
      return object
    }
  }

  private static func readWire(_ bytes: [UInt8]) throws -> [SourcedObject] {
    try bytes.withUnsafeBytes { bytes in
      var objects: [SourcedObject] = []
      let kind = Kubernetes.EndpointSlice.kind
      var reader = WireReader(try WireEnvelope(bytes).message)
      while let number = try reader.nextField() {
        let item = try reader.counted()
        guard number == 2 else { continue }
        let name = try WireEnvelope.metadata(of: item).name
        let (object, diagnostics) = SourcedObject.read(wire: item, of: kind) { _ in }
        objects.append(
          SourcedObject(
            key: ObjectKey(kind: kind, namespace: "ns", name: name), object: object,
            diagnostics: diagnostics))
      }
      return objects
    }
  }

  // MARK: The list

  private static func address(_ number: Int) -> String {
    "10.\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"
  }

  private static var jsonList: String {
    let items = (0..<slices).map { number in
      let all = (0..<endpoints).map { "{" + jsonEndpoint(number * endpoints + $0) + "}" }
      return """
        {"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{\
        "name":"service-\(number)-abcde","generateName":"service-\(number)-","namespace":"ns",\
        "uid":"\(uid)","resourceVersion":"\(1000 + number)","generation":7,\
        "creationTimestamp":"2026-01-31T10:00:00Z","labels":{\
        "endpointslice.kubernetes.io/managed-by":"endpointslice-controller.k8s.io",\
        "kubernetes.io/service-name":"service-\(number)"}},"addressType":"IPv4",\
        "endpoints":[\(all.joined(separator: ","))],\
        "ports":[{"name":"http","protocol":"TCP","port":8080}]}
        """
    }
    return "{\"kind\":\"EndpointSliceList\",\"apiVersion\":\"discovery.k8s.io/v1\","
      + "\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[\(items.joined(separator: ","))]}"
  }

  private static func jsonEndpoint(_ number: Int) -> String {
    """
    "addresses":["\(address(number))"],\
    "conditions":{"ready":true,"serving":true,"terminating":false},\
    "targetRef":{"kind":"Pod","namespace":"ns","name":"service-5d4f7b9c8-\(number)",\
    "uid":"\(uid)"},"nodeName":"node-\(number % 100)","zone":"zone-\(number % 3)"
    """
  }

  private static var wireList: [UInt8] {
    var list = WireWriter()
    list.field(1, message { $0.string(field: 2, "1") })
    for number in 0..<slices {
      list.field(
        2,
        message { slice in
          slice.field(1, wireMetadata(number))
          for place in 0..<endpoints { slice.field(2, wireEndpoint(number * endpoints + place)) }
          slice.field(
            3,
            message { port in
              port.string(field: 1, "http")
              port.string(field: 2, "TCP")
              port.integer(field: 3, 8080)
            })
          slice.string(field: 4, "IPv4")
        })
    }
    var unknown = WireWriter()
    unknown.field(2, list.bytes)
    return [0x6B, 0x38, 0x73, 0] + unknown.bytes
  }

  private static func wireMetadata(_ number: Int) -> [UInt8] {
    message { meta in
      meta.string(field: 1, "service-\(number)-abcde")
      meta.string(field: 2, "service-\(number)-")
      meta.string(field: 3, "ns")
      meta.string(field: 5, uid)
      meta.string(field: 6, "\(1000 + number)")
      meta.integer(field: 7, 7)
      meta.field(8, message { $0.integer(field: 1, 1_769_853_600) })
      for (key, value) in [
        ("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"),
        ("kubernetes.io/service-name", "service-\(number)"),
      ] {
        meta.field(
          11,
          message {
            $0.string(field: 1, key)
            $0.string(field: 2, value)
          })
      }
    }
  }

  private static func wireEndpoint(_ number: Int) -> [UInt8] {
    message { endpoint in
      endpoint.string(field: 1, address(number))
      endpoint.field(
        2,
        message { conditions in
          for (field, value) in [(1, 1), (2, 1), (3, 0)] as [(Int, UInt64)] {
            conditions.integer(field: field, value)
          }
        })
      endpoint.field(
        4,
        message { reference in
          reference.string(field: 1, "Pod")
          reference.string(field: 2, "ns")
          reference.string(field: 3, "service-5d4f7b9c8-\(number)")
          reference.string(field: 4, uid)
        })
      endpoint.string(field: 6, "node-\(number % 100)")
      endpoint.string(field: 7, "zone-\(number % 3)")
    }
  }

  private static func message(_ write: (inout WireWriter) -> Void) -> [UInt8] {
    var writer = WireWriter()
    write(&writer)
    return writer.bytes
  }
}
