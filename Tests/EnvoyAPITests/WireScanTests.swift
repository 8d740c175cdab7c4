// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import JSON
import Testing

/// What comes from the network is looked through before protobuf-c sees it.
@Suite struct WireScanTests {
  private func refusal<M: ProtobufMessage>(
    _: M.Type, _ bytes: [UInt8], _ limits: WireLimits = .standard
  ) -> String? {
    Arena.scope { arena in
      do {
        _ = try bytes.withUnsafeBytes { try M(unpacking: $0, in: arena, limits: limits) }
        return nil
      } catch {
        return (error as? WireError)?.reason
      }
    }
  }

  private func locality(_ bytes: [UInt8]) -> String? { refusal(Envoy.Locality.self, bytes) }

  @Test func nothingIsAnEmptyMessage() { #expect(locality([]) == nil) }

  @Test func aNULInATextIsRefused() {
    #expect(locality([0x0a, 3, 0x61, 0, 0x62]) == "has a NUL in the field region")
  }

  @Test(arguments: [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xc3]])
  func textThatIsNoUTF8IsRefused(text: [UInt8]) {
    #expect(
      locality([0x0a, UInt8(text.count)] + text) == "has invalid UTF-8 in the field region")
  }

  @Test func everyTruncationOfAMessageIsRefusedOrEndsAtAField() throws {
    let whole = Arena.scope { arena in
      Envoy.Node(arena) {
        $0.id = "sidecar"
        $0.locality = $0.make(Envoy.Locality.self) { $0.region = "r" }
        $0.metadata = object(["a": ["b": 1.5]])
      }.packed
    }
    let sound = (0...whole.count).filter { refusal(Envoy.Node.self, Array(whole[..<$0])) == nil }
    #expect(sound.count == 4, "nothing, one field, two fields, all")
    #expect(sound.last == whole.count)
  }

  @Test func aMessageBeyondTheLimitOfBytesIsRefused() {
    let bytes: [UInt8] = [0x0a, 3, 0x61, 0x62, 0x63]
    let limits = WireLimits(bytes: 4, depth: 64)
    #expect(refusal(Envoy.Locality.self, bytes, limits) == "has more than 4 bytes")
    #expect(refusal(Envoy.Locality.self, bytes, WireLimits(bytes: 5, depth: 64)) == nil)
  }

  @Test func numbersOfMoreThanTenBytesAreRefused() {
    let tail = [UInt8](repeating: 0xff, count: 9)
    #expect(refusal(Envoy.Int64Range.self, [0x08] + tail + [0x01]) == nil)
    #expect(
      refusal(Envoy.Int64Range.self, [0x08] + tail + [0x81, 0x01])
        == "has a number of more than ten bytes")
    #expect(refusal(Envoy.Int64Range.self, [0x08] + tail) == "ends inside a number")
  }

  @Test(arguments: [3, 4, 6, 7] as [UInt8])
  func groupsAndUnknownWireTypesAreRefused(wireType: UInt8) {
    #expect(
      locality([0x08 | wireType])
        == "has the wire type \(wireType), which protobuf does not have")
  }

  @Test func fieldNumbersOutOfRangeAreRefused() {
    #expect(locality([0x02, 0]) == "has a field of number 0")
    #expect(locality([0xfa, 0xff, 0xff, 0xff, 0xff, 0x01, 0])?.hasPrefix("has a field") == true)
  }

  @Test func lengthsBeyondTheEndAreRefused() {
    #expect(locality([0x0a, 5, 0x61]) == "ends inside a field")
    let most = [UInt8](repeating: 0xff, count: 9) + [0x01]
    #expect(locality([0x0a] + most) == "ends inside a field")
  }

  @Test func aFieldOfAnotherWireTypeIsRefused() {
    #expect(locality([0x08, 1]) == "is not such a message")
  }

  /// A predicate in a predicate (`not_match`), `levels` deep.
  private func nested(_ levels: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    for _ in 1..<levels {
      var writer = WireWriter()
      writer.field(3, bytes)
      bytes = writer.bytes
    }
    return bytes
  }

  @Test func messagesDeeperThanTheLimitAreRefused() {
    #expect(refusal(Envoy.ListenerFilterChainMatchPredicate.self, nested(100)) == nil)
    #expect(
      refusal(Envoy.ListenerFilterChainMatchPredicate.self, nested(101)) == "is nested too deeply")
    #expect(
      refusal(Envoy.ListenerFilterChainMatchPredicate.self, nested(20_000))
        == "is nested too deeply")
  }

  @Test func aMessageThatComesAgainAndAgainIsRefused() throws {
    var once = WireWriter()
    once.field(4, [0x0a, 1, 0x72])
    let name = "repeats the field locality, which is no list"
    let few = [[UInt8]](repeating: once.bytes, count: 9).flatMap { $0 }
    #expect(refusal(Envoy.Node.self, few) == nil)
    #expect(refusal(Envoy.Node.self, few + once.bytes) == name)
  }

  @Test func whatTwoBytesBecomeIsCounted() {
    let hosts = [[UInt8]](repeating: [0x12, 0], count: 20_000).flatMap { $0 }
    let limits = WireLimits(bytes: 1 << 20, depth: 64, memory: 4 << 20)
    #expect(refusal(Envoy.RouteConfiguration.self, hosts) == nil)
    #expect(refusal(Envoy.RouteConfiguration.self, hosts, limits) == "would take too much memory")
    let codes: [UInt8] = [0x3a, 4, 1, 2, 3, 4]
    #expect(refusal(Envoy.RouteRetryPolicy.self, codes, WireLimits(bytes: 9, depth: 9)) == nil)
    #expect(
      refusal(Envoy.RouteRetryPolicy.self, codes, WireLimits(bytes: 9, depth: 9, memory: 200))
        == "would take too much memory")
  }

  @Test func mapsOfTheWireAreSortedAndTheLastOfAKeyCounts() throws {
    var bytes = WireWriter()
    for (key, version) in [("b", "1"), ("a", "2"), ("b", "3")] {
      var entry = WireWriter()
      entry.string(field: 1, key)
      entry.string(field: 2, version)
      bytes.field(5, entry.bytes)
    }
    try Arena.scope { arena in
      let request = try bytes.bytes.withUnsafeBytes {
        try Envoy.DeltaDiscoveryRequest(unpacking: $0, in: arena)
      }
      #expect(request.initialResourceVersions["a"] == "2")
      #expect(request.initialResourceVersions["b"] == "3")
      #expect(request.initialResourceVersions.elements.map(\.key) == ["a", "b"])
      request.initialResourceVersions["aa"] = "4"
      #expect(request.initialResourceVersions.elements.map(\.key) == ["a", "aa", "b"])
    }
  }
}
