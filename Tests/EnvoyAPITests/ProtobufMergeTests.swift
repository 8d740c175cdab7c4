// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import JSON
import Testing

@Suite struct ProtobufMergeTests {
  /// Merges two messages of two arenas, of which the second is gone when the result is packed.
  private func merged<M: ProtobufMessage>(
    _: M.Type, _ base: JSONValue, _ patch: JSONValue, _ lists: ProtobufListMerge = .append
  ) throws -> JSONValue {
    let packed = try Arena.scope { (arena) throws -> [UInt8] in
      let message = try M(json: base, in: arena)
      try Arena.scope { (other) throws -> Void in
        message.merge(try M(json: patch, in: other), lists: lists)
      }
      return message.packed
    }
    return try packed.withUnsafeBytes { try ProtobufJSON.json(type: M.type, packed: $0) }
  }

  @Test func whatIsSetReplacesAndTheRestStays() throws {
    let result = try merged(
      Envoy.Cluster.self, ["name": "a", "altStatName": "b", "lbPolicy": "RANDOM"],
      ["name": "c", "lbPolicy": 0, "waitForWarmOnInit": true])
    #expect(
      result == [
        "name": "c", "lb_policy": "RANDOM", "alt_stat_name": "b", "wait_for_warm_on_init": true,
      ])
  }

  @Test func messagesAreMergedAndListsAppended() throws {
    let base: JSONValue = [
      "circuitBreakers": ["thresholds": [["maxRequests": 1]]],
      "upstreamConnectionOptions": ["tcpKeepalive": ["keepaliveTime": 5, "keepaliveProbes": 1]],
    ]
    let patch: JSONValue = [
      "circuitBreakers": ["thresholds": [["maxRequests": 2]]],
      "upstreamConnectionOptions": ["tcpKeepalive": ["keepaliveTime": 9]],
    ]
    let options: JSONValue = ["tcp_keepalive": ["keepalive_probes": 1, "keepalive_time": 9]]
    #expect(
      try merged(Envoy.Cluster.self, base, patch) == [
        "circuit_breakers": ["thresholds": [["max_requests": 1], ["max_requests": 2]]],
        "upstream_connection_options": options,
      ])
    #expect(
      try merged(Envoy.Cluster.self, base, patch, .replace) == [
        "circuit_breakers": ["thresholds": [["max_requests": 2]]],
        "upstream_connection_options": options,
      ])
  }

  @Test func aListThatIsNotThereReplacesNothing() throws {
    let base: JSONValue = ["domains": ["a"], "name": "x"]
    #expect(
      try merged(Envoy.VirtualHost.self, base, ["name": "y"], .replace)
        == ["name": "y", "domains": ["a"]])
  }

  @Test func listsOfTextsNumbersAndBytesAreCopied() throws {
    #expect(
      try merged(
        Envoy.VirtualHost.self, ["domains": ["a", "b"]], ["domains": ["c"]])
        == ["domains": ["a", "b", "c"]])
    #expect(
      try merged(
        Envoy.RouteRetryPolicy.self, ["retriableStatusCodes": [1]],
        ["retriableStatusCodes": [2, 3]]) == ["retriable_status_codes": [1, 2, 3]])
    #expect(
      try merged(Envoy.HeaderValue.self, ["rawValue": "AQ=="], ["key": "k", "rawValue": "AgM="])
        == ["key": "k", "raw_value": "AgM="])
  }

  @Test func mapEntriesReplaceThoseOfTheirKey() throws {
    #expect(
      try merged(
        Envoy.Metadata.self, ["filterMetadata": ["a": ["x": 1, "y": 2], "c": [:]]],
        ["filterMetadata": ["b": [:], "a": ["x": 3]]])
        == ["filter_metadata": ["a": ["x": 3], "b": [:], "c": [:]]])
  }

  @Test func aOneofTakesTheOtherMember() throws {
    #expect(
      try merged(Envoy.SocketAddress.self, ["namedPort": "http"], ["portValue": 0])
        == ["port_value": 0])
    #expect(
      try merged(Envoy.Route.self, ["redirect": ["pathRedirect": "/"]], ["route": ["cluster": "c"]])
        == ["route": ["cluster": "c"]])
    #expect(
      try merged(
        Envoy.Route.self, ["route": ["cluster": "c", "prefixRewrite": "/"]],
        ["route": ["clusterHeader": "h"]])
        == ["route": ["cluster_header": "h", "prefix_rewrite": "/"]])
  }

  @Test func durationsAreReplacedAsAWhole() throws {
    #expect(
      try merged(Envoy.Cluster.self, ["connectTimeout": "5.5s"], ["connectTimeout": "1s"])
        == ["connect_timeout": "1s"])
    #expect(
      try merged(Envoy.Cluster.self, ["connectTimeout": "5.5s"], ["connectTimeout": "0s"])
        == ["connect_timeout": "0s"])
  }

  /// As protobuf's merge goes: the zero in the wrapper is not set.
  @Test func aWrapperOfZeroReplacesNothing() throws {
    #expect(
      try merged(
        Envoy.Cluster.self, ["perConnectionBufferLimitBytes": 5],
        ["perConnectionBufferLimitBytes": 0]) == ["per_connection_buffer_limit_bytes": 5])
  }

  @Test func unknownFieldsOfBothAreKept() throws {
    let sides = try Arena.scope { (arena) throws -> [UInt8] in
      let messages = try ["one", "two"].map { text in
        var writer = WireWriter()
        writer.string(field: 9999, text)
        return try writer.bytes.withUnsafeBytes { try Envoy.Locality(unpacking: $0, in: arena) }
      }
      messages[0].merge(messages[1])
      return messages[0].packed
    }
    var expected = WireWriter()
    expected.string(field: 9999, "one")
    expected.string(field: 9999, "two")
    #expect(sides == expected.bytes)
  }

  @Test func aCopySharesNothing() throws {
    try Arena.scope { (arena) throws -> Void in
      let host = try Envoy.VirtualHost(
        json: ["name": "a", "domains": ["x"], "routes": [["name": "r"]]], in: arena)
      let copy = host.copied(in: arena)
      copy.domains.append("y")
      copy.routes[0].name = "s"
      copy.name = "b"
      #expect(host.json == ["name": "a", "domains": ["x"], "routes": [["name": "r"]]])
      #expect(copy.json == ["name": "b", "domains": ["x", "y"], "routes": [["name": "s"]]])
    }
  }

  @Test func anyIsMergedWithOneOfItsType() throws {
    let (one, two, other) = Arena.scope { arena in
      (
        ProtobufAny.pack(Envoy.Router(arena) { $0.startChildSpan = true }),
        ProtobufAny.pack(Envoy.Router(arena) { $0.suppressEnvoyHeaders = true }),
        ProtobufAny.pack(Envoy.Locality(arena) { $0.region = "r" })
      )
    }
    let result = try one.merged(with: two)
    Arena.scope { arena in
      let router = result.unpack(Envoy.Router.self, in: arena)
      #expect(router?.startChildSpan == true && router?.suppressEnvoyHeaders == true)
    }
    #expect(throws: WireError.self) { try one.merged(with: other) }
    #expect(throws: WireError.self) {
      try ProtobufAny(typeURL: "x/no.such", value: []).merged(with: one)
    }
  }
}
