// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import JSON
import Testing

/// Every kind of field is set through the face, sent over the wire, and read back.
@Suite struct FaceTests {
  /// Sets fields, packs, unpacks, and lends the copy.
  private func overTheWire<M: ProtobufMessage>(
    _: M.Type, _ fill: (M) -> Void, check: (M) throws -> Void
  ) throws {
    let bytes = Arena.scope { arena in M(arena, fill).packed }
    try Arena.scope { arena in
      let copy = try bytes.withUnsafeBytes { try M(unpacking: $0, in: arena) }
      try check(copy)
      #expect(copy.packed == bytes)
    }
  }

  @Test func whatIsNotSetReadsAsUnset() {
    Arena.scope { arena in
      let cluster = Envoy.Cluster(arena)
      #expect(cluster.name == "")
      #expect(cluster.lbPolicy == .roundRobin)
      #expect(cluster.connectTimeout == nil)
      #expect(cluster.perConnectionBufferLimitBytes == nil)
      #expect(cluster.clusterDiscoveryType == nil)
      #expect(cluster.transportSocketMatches.isEmpty)
      #expect(cluster.metadata == nil)
      #expect(cluster.packed.isEmpty)
    }
  }

  @Test func scalarsEnumsDurationsAndWrappers() throws {
    try overTheWire(Envoy.Cluster.self) {
      $0.name = "outbound|80||a.b"
      $0.lbPolicy = .leastRequest
      $0.connectTimeout = .milliseconds(1500)
      $0.perConnectionBufferLimitBytes = 0
      $0.ignoreHealthOnHostRemoval = true
    } check: {
      #expect($0.name == "outbound|80||a.b")
      #expect($0.lbPolicy == .leastRequest)
      #expect($0.connectTimeout == .milliseconds(1500))
      #expect($0.perConnectionBufferLimitBytes == 0)
      #expect($0.ignoreHealthOnHostRemoval)
    }
  }

  @Test func negativeDurationsKeepTheirSign() throws {
    try overTheWire(Envoy.Cluster.self) {
      $0.connectTimeout = .milliseconds(-1500)
    } check: {
      #expect($0.connectTimeout == .milliseconds(-1500))
    }
  }

  @Test func wideNumbersAndBytes() throws {
    try overTheWire(Envoy.DoubleRange.self) {
      $0.start = -0.1
      $0.end = .infinity
    } check: {
      #expect($0.start == -0.1)
      #expect($0.end == .infinity)
    }
    try overTheWire(Envoy.Int64Range.self) {
      $0.start = .min
      $0.end = .max
    } check: {
      #expect($0.start == .min)
      #expect($0.end == .max)
    }
    try overTheWire(Envoy.HeaderValue.self) {
      $0.rawValue = [0, 255, 0, 1]
    } check: {
      #expect($0.rawValue == [0, 255, 0, 1])
    }
  }

  @Test func aOneofHasOneMemberAndZeroIsAValue() throws {
    try overTheWire(Envoy.SocketAddress.self) {
      $0.namedPort = "http"
      $0.portValue = 0
    } check: {
      #expect($0.namedPort == nil)
      #expect($0.portValue == 0)
      guard case .portValue(0) = $0.portSpecifier else {
        Issue.record("the oneof is not portValue")
        return
      }
    }
    try overTheWire(Envoy.SocketAddress.self) {
      $0.portSpecifier = .namedPort("")
    } check: {
      #expect($0.namedPort == "")
    }
    try overTheWire(Envoy.DataSource.self) {
      $0.inlineBytes = [1, 2]
      $0.inlineString = "text"
      $0.filename = nil
    } check: {
      #expect($0.inlineString == "text")
      #expect($0.inlineBytes == nil)
    }
    try overTheWire(Envoy.DataSource.self) {
      $0.inlineString = "text"
      $0.specifier = nil
    } check: {
      #expect($0.specifier == nil)
    }
  }

  @Test func messagesAndListsOfThem() throws {
    try overTheWire(Envoy.RouteConfiguration.self) { routes in
      for name in ["a", "b", "c"] {
        routes.virtualHosts.append(
          routes.make(Envoy.VirtualHost.self) {
            $0.name = name
            $0.domains = [name, name + ".b"]
          })
      }
    } check: {
      #expect($0.virtualHosts.map(\.name) == ["a", "b", "c"])
      #expect(
        $0.virtualHosts.map { Array($0.domains) } == [["a", "a.b"], ["b", "b.b"], ["c", "c.b"]])
    }
  }

  @Test func listsOfNumbersReplaceAppendAndClear() throws {
    try overTheWire(Envoy.RouteRetryPolicy.self) {
      $0.retriableStatusCodes = [1, 2, 3]
      $0.retriableStatusCodes = .init([503, 504])
      $0.retriableStatusCodes.append(505)
      $0.retriableStatusCodes.append(contentsOf: $0.retriableStatusCodes)
    } check: {
      #expect(Array($0.retriableStatusCodes) == [503, 504, 505, 503, 504, 505])
      $0.retriableStatusCodes = []
      #expect($0.packed.isEmpty)
      $0.retriableStatusCodes = [503, 504, 505, 503, 504, 505]
    }
  }

  @Test func mapsAreSortedByKeyWhateverTheOrderOfWriting() throws {
    let keys = ["b", "a", "é", "c", "z", "B", "e\u{301}"]
    try overTheWire(Envoy.Metadata.self) {
      for key in keys { $0.filterMetadata[key] = object(["old": true]) }
      for key in keys { $0.filterMetadata[key] = object(["key": .string(key)]) }
    } check: {
      let sorted = keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      #expect(
        $0.filterMetadata.elements.map { Array($0.key.utf8) } == sorted.map { Array($0.utf8) })
      for key in keys { #expect($0.filterMetadata[key]?["key"] == .string(key)) }
      #expect($0.filterMetadata["none"] == nil)
    }
    let one = Arena.scope { arena in metadata(keys, arena).packed }
    let other = Arena.scope { arena in metadata(keys.reversed(), arena).packed }
    #expect(one == other)
  }

  private func metadata(_ keys: [String], _ arena: Arena) -> Envoy.Metadata {
    Envoy.Metadata(arena) {
      for key in keys { $0.filterMetadata[key] = object(["key": .string(key)]) }
    }
  }

  @Test func structsHoldAnyJSON() throws {
    let value: JSONValue = [
      "list": [1, 2.5, "text", nil, true, [], [:]], "nested": ["deep": ["er": "x"]], "none": nil,
    ]
    try overTheWire(Envoy.Node.self) {
      $0.metadata = object(value)
    } check: {
      #expect($0.metadata.map { JSONValue.object($0) } == value)
    }
  }

  @Test func anyHoldsAMessageOfItsType() throws {
    try overTheWire(Envoy.TypedExtensionConfig.self) {
      $0.name = "router"
      $0.typedConfig = .pack($0.make(Envoy.Router.self) { $0.startChildSpan = true })
    } check: {
      let any = try #require($0.typedConfig)
      #expect(any.typeURL == Envoy.Router.type.typeURL)
      #expect(any.unpack(Envoy.Router.self, in: $0.arena)?.startChildSpan == true)
      #expect(any.unpack(Envoy.Cluster.self, in: $0.arena) == nil)
    }
  }

  @Test func fieldsThatThisBuildDoesNotKnowAreKept() throws {
    var writer = WireWriter()
    writer.string(field: 1, "b")
    writer.string(field: 9999, "from a newer proxy")
    writer.integer(field: 10000, 7)
    let cluster = writer.bytes
    try Arena.scope { arena in
      let message = try cluster.withUnsafeBytes {
        try Envoy.Locality(unpacking: $0, in: arena)
      }
      #expect(message.region == "b")
      #expect(message.packed == cluster)
      #expect(message.json == ["region": "b"])
    }
  }
}

/// The members of a literal that is an object.
func object(_ json: JSONValue) -> JSONObject { json.object ?? JSONObject() }
