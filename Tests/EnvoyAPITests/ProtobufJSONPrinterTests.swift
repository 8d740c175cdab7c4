// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import JSON
import Testing

@Suite struct ProtobufJSONPrinterTests {
  private func json<M: ProtobufMessage>(
    _: M.Type, _ options: ProtobufJSONOptions = .standard, _ fill: (M) -> Void
  ) -> JSONValue {
    Arena.scope { arena in M(arena, fill).slot.json(options) }
  }

  @Test func fieldsInOrderOfTheirNumbersWithoutWhatIsNotSet() {
    let cluster = json(Envoy.Cluster.self) {
      $0.altStatName = "alt"
      $0.name = "c"
      $0.clusterDiscoveryType = .type(.static)
      $0.perConnectionBufferLimitBytes = 0
      $0.lbPolicy = .roundRobin
    }
    #expect(
      cluster.text()
        == #"{"name":"c","type":"STATIC","per_connection_buffer_limit_bytes":0,"alt_stat_name":"alt"}"#
    )
  }

  @Test func namesInCamelCaseWhereAskedFor() {
    let cluster = json(Envoy.Cluster.self, ProtobufJSONOptions(fieldNames: .camelCase)) {
      $0.connectTimeout = .seconds(1)
      $0.edsClusterConfig = $0.make(Envoy.Cluster.EdsClusterConfig.self) { $0.serviceName = "s" }
    }
    #expect(cluster == ["edsClusterConfig": ["serviceName": "s"], "connectTimeout": "1s"])
  }

  @Test func aMemberOfAOneofIsPrintedThoughItIsZero() {
    #expect(json(Envoy.SocketAddress.self) { $0.portValue = 0 } == ["port_value": 0])
    #expect(json(Envoy.DataSource.self) { $0.inlineString = "" } == ["inline_string": ""])
    #expect(json(Envoy.DataSource.self) { $0.inlineBytes = [] } == ["inline_bytes": ""])
    // STATIC is the number 0.
    #expect(json(Envoy.Cluster.self) { $0.type = .static } == ["type": "STATIC"])
  }

  @Test(
    arguments: [
      (.zero, "0s"), (.milliseconds(1500), "1.500s"), (.microseconds(-1), "-0.000001s"),
      (.nanoseconds(1), "0.000000001s"), (.seconds(-90), "-90s"), (.milliseconds(-1250), "-1.250s"),
    ] as [(Duration, String)])
  func durations(value: Duration, text: String) {
    #expect(
      json(Envoy.Cluster.self) { $0.connectTimeout = value } == ["connect_timeout": .string(text)])
  }

  @Test func numbersOf64BitsAreTexts() {
    let range = json(Envoy.Int64Range.self) {
      $0.start = .min
      $0.end = .max
    }
    #expect(range == ["start": "-9223372036854775808", "end": "9223372036854775807"])
  }

  @Test func numbersThatAreNotFiniteAreTexts() {
    let range = json(Envoy.DoubleRange.self) {
      $0.start = -.infinity
      $0.end = .nan
    }
    #expect(range == ["start": "-Infinity", "end": "NaN"])
    #expect(json(Envoy.DoubleRange.self) { $0.end = 0.1 }.text() == #"{"end":0.1}"#)
  }

  @Test func aFloatIsShortestForItsWidth() throws {
    let type = try #require(MessageType(named: "google.protobuf.FloatValue"))
    var writer = WireWriter()
    writer.varint(1 << 3 | 5)
    let bytes = writer.bytes + withUnsafeBytes(of: Float(0.1)) { Array($0) }
    let value = try bytes.withUnsafeBytes { try ProtobufJSON.json(type: type, packed: $0) }
    #expect(value.text() == "0.1")
  }

  @Test func bytesAreBase64() {
    for (bytes, text) in [([1], "AQ=="), ([1, 2], "AQI="), ([251, 255, 191], "+/+/")]
      as [([UInt8], String)]
    {
      #expect(json(Envoy.HeaderValue.self) { $0.rawValue = bytes } == ["raw_value": .string(text)])
    }
  }

  @Test func enumsByNameAndUnknownOnesByNumber() throws {
    var writer = WireWriter()
    writer.integer(field: 2, 3)
    writer.integer(field: 6, 4242)
    let value = try writer.bytes.withUnsafeBytes {
      try ProtobufJSON.json(type: Envoy.Cluster.type, packed: $0)
    }
    #expect(value == ["type": "EDS", "lb_policy": 4242])
  }

  @Test func anyIsUnpackedByItsType() {
    let config = json(Envoy.TypedExtensionConfig.self) {
      $0.typedConfig = .pack($0.make(Envoy.Router.self) { $0.startChildSpan = true })
    }
    #expect(
      config == [
        "typed_config": [
          "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
          "start_child_span": true,
        ]
      ])
    #expect(config["typed_config"]?.object?.members.first?.key == "@type")
  }

  @Test func anyOfAnUnknownTypeOrUnsoundBytesIsBase64() {
    for url in ["type.googleapis.com/of.a.newer.Proxy", Envoy.Cluster.type.typeURL, "no-slash"] {
      let config = json(Envoy.TypedExtensionConfig.self) {
        $0.typedConfig = ProtobufAny(typeURL: url, value: [0xff])
      }
      #expect(config == ["typed_config": ["@type": .string(url), "value": "/w=="]])
    }
  }

  @Test func anyInAnyWithoutEndEndsInBase64() throws {
    let url = "type.googleapis.com/google.protobuf.Any"
    var bytes: [UInt8] = []
    for _ in 0..<5000 {
      var writer = WireWriter()
      writer.string(field: 1, url)
      writer.field(2, bytes)
      bytes = writer.bytes
    }
    let type = try #require(MessageType(typeURL: url))
    var value = try bytes.withUnsafeBytes { try ProtobufJSON.json(type: type, packed: $0) }
    var levels = 0
    while let inner = value["value"], inner.object != nil {
      value = inner
      levels += 1
    }
    #expect(levels > 10 && levels <= 100)
    #expect(value["value"]?.string?.isEmpty == false)
  }

  @Test func mapsAreObjectsWithSortedKeys() {
    let metadata = json(Envoy.Metadata.self) {
      $0.filterMetadata["b"] = object(["x": 1])
      $0.filterMetadata["a"] = JSONObject()
    }
    #expect(metadata.text() == #"{"filter_metadata":{"a":{},"b":{"x":1}}}"#)
  }

  @Test(
    arguments: [
      (0, 0, "1970-01-01T00:00:00Z"), (951_782_400, 500_000_000, "2000-02-29T00:00:00.500Z"),
      (-1, 0, "1969-12-31T23:59:59Z"), (253_402_300_799, 1, "9999-12-31T23:59:59.000000001Z"),
      (-62_135_596_800, 0, "0001-01-01T00:00:00Z"), (1_767_225_599, 0, "2025-12-31T23:59:59Z"),
    ] as [(Int64, Int32, String)])
  func timestamps(seconds: Int64, nanos: Int32, text: String) throws {
    let type = try #require(MessageType(named: "google.protobuf.Timestamp"))
    var writer = WireWriter()
    writer.integer(field: 1, UInt64(bitPattern: seconds))
    writer.integer(field: 2, UInt64(nanos))
    let value = try writer.bytes.withUnsafeBytes {
      try ProtobufJSON.json(type: type, packed: $0)
    }
    #expect(value == .string(text))
    Arena.scope { arena in
      #expect(throws: Never.self) {
        let slot = arena.make(type)
        try slot.read(.string(text))
        #expect(slot.json() == .string(text))
      }
    }
  }

  @Test(arguments: [Int64.min, Int64.max])
  func timestampsOutOfRangeDoNotStopTheProcess(seconds: Int64) throws {
    let type = try #require(MessageType(named: "google.protobuf.Timestamp"))
    var writer = WireWriter()
    writer.integer(field: 1, UInt64(bitPattern: seconds))
    let value = try writer.bytes.withUnsafeBytes {
      try ProtobufJSON.json(type: type, packed: $0)
    }
    #expect(value.string?.hasSuffix("Z") == true)
  }
}
