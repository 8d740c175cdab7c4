// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import JSON
import Testing

@Suite struct ProtobufJSONReaderTests {
  private func read<M: ProtobufMessage>(_: M.Type, _ json: JSONValue) throws -> JSONValue {
    try Arena.scope { arena in try M(json: json, in: arena).json }
  }

  private func refusal<M: ProtobufMessage>(_: M.Type, _ json: JSONValue) -> String? {
    Arena.scope { arena in
      do throws(ProtobufJSONError) {
        _ = try M(json: json, in: arena, at: ["value"])
        return nil
      } catch {
        return error.description
      }
    }
  }

  @Test func bothSpellingsOfNames() throws {
    let snake: JSONValue = ["connect_timeout": "1s", "eds_cluster_config": ["service_name": "s"]]
    let camel: JSONValue = ["connectTimeout": "1s", "edsClusterConfig": ["serviceName": "s"]]
    #expect(try read(Envoy.Cluster.self, snake) == read(Envoy.Cluster.self, camel))
    #expect(
      refusal(Envoy.Cluster.self, ["connectTimeout": "1s", "connect_timeout": "2s"])
        == "value.connect_timeout: is set twice, in both spellings")
  }

  @Test func nullIsAbsent() throws {
    #expect(try read(Envoy.Cluster.self, ["name": nil, "metadata": nil, "filters": nil]) == [:])
    #expect(
      try read(Envoy.SocketAddress.self, ["portValue": 1, "namedPort": nil]) == ["port_value": 1])
  }

  @Test func numbersMayBeTexts() throws {
    let range = try read(Envoy.Int64Range.self, ["start": "-5", "end": 9_007_199_254_740_993])
    #expect(range == ["start": "-5", "end": "9007199254740993"])
    #expect(try read(Envoy.SocketAddress.self, ["portValue": 80.0]) == ["port_value": 80])
    #expect(try read(Envoy.SocketAddress.self, ["portValue": "8e1"]) == ["port_value": 80])
    #expect(
      try read(Envoy.DoubleRange.self, ["start": "-Infinity", "end": "1.5"])
        == ["start": "-Infinity", "end": 1.5])
    #expect(try read(Envoy.DoubleRange.self, ["start": 3]) == ["start": 3.0])
  }

  @Test func enumsByNameOrNumber() throws {
    #expect(try read(Envoy.Cluster.self, ["type": "EDS"]) == ["type": "EDS"])
    #expect(try read(Envoy.Cluster.self, ["type": 3]) == ["type": "EDS"])
    #expect(try read(Envoy.Cluster.self, ["type": 99]) == ["type": 99])
    #expect(
      refusal(Envoy.Cluster.self, ["type": "eds"])
        == #"value.type: expected one of STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST, found the text "eds""#
    )
  }

  @Test(
    arguments: [
      (["nam": "x"], "value.nam: is not a field of envoy.config.cluster.v3.Cluster"),
      (["name": 5], "value.name: expected a text, found 5"),
      (["name": "a\0b"], "value.name: has a NUL, which this control plane does not carry"),
      (["filters": [:]], "value.filters: expected a list, found an object"),
      (
        ["filters": [["name": "a"], ["name": true]]],
        "value.filters[1].name: expected a text, found true"
      ),
      (["filters": [nil]], "value.filters[0]: expected an object, found null"),
      (
        ["connectTimeout": "5"],
        #"value.connectTimeout: expected a duration such as 1.5s, found the text "5""#
      ),
      (["connectTimeout": 5], "value.connectTimeout: expected a duration such as 1.5s, found 5"),
      (
        ["perConnectionBufferLimitBytes": -1],
        "value.perConnectionBufferLimitBytes: expected a whole number from 0 to 4294967295, found -1"
      ),
      (
        ["perConnectionBufferLimitBytes": 1.5],
        "value.perConnectionBufferLimitBytes: expected a whole number from 0 to 4294967295, found 1.5"
      ),
      (
        ["ignoreHealthOnHostRemoval": "yes"],
        #"value.ignoreHealthOnHostRemoval: expected true or false, found the text "yes""#
      ),
      (
        ["type": "EDS", "clusterType": [:]],
        "value.clusterType: excludes type, which is set too"
      ),
      (
        ["metadata": ["filterMetadata": []]],
        "value.metadata.filterMetadata: expected an object, found a list"
      ),
      (
        ["metadata": ["filterMetadata": ["a.b": 1]]],
        #"value.metadata.filterMetadata["a.b"]: expected an object, found 1"#
      ),
      (
        ["metadata": ["filterMetadata": ["a": ["b": ["\0"]]]]],
        "value.metadata.filterMetadata.a.b[0]: has a NUL, which this control plane does not carry"
      ),
      ([], "value: expected an object, found a list"),
    ] as [(JSONValue, String)])
  func whatIsWrongIsNamedWithItsPath(json: JSONValue, text: String) {
    #expect(refusal(Envoy.Cluster.self, json) == text)
  }

  @Test func bytesInEitherAlphabetPaddedOrNot() throws {
    for text in ["+/+/AQ==", "-_-_AQ", "+/+/AQ"] {
      #expect(
        try read(Envoy.HeaderValue.self, ["raw_value": .string(text)]) == ["raw_value": "+/+/AQ=="])
    }
    for text in ["A", "AQ=", "A===", "AQ==AQ==", "A Q=", "=", "===="] {
      let reason = #"value.raw_value: expected bytes in base64, found the text "\#(text)""#
      #expect(refusal(Envoy.HeaderValue.self, ["raw_value": .string(text)]) == reason)
    }
  }

  @Test(
    arguments: [
      ("0s", "0s"), ("1.5s", "1.500s"), ("-0.5s", "-0.500s"), ("1.000000001s", "1.000000001s"),
      ("315576000000s", "315576000000s"),
    ])
  func durations(text: String, printed: String) throws {
    #expect(
      try read(Envoy.Cluster.self, ["connectTimeout": .string(text)])
        == ["connect_timeout": .string(printed)])
  }

  @Test(arguments: [
    "", "s", "1", "1.s", ".5s", "1.0000000001s", "1e3s", "--1s", "+1s", "1,5s", "9999999999999s",
  ])
  func textsThatAreNoDurations(text: String) {
    #expect(refusal(Envoy.Cluster.self, ["connectTimeout": .string(text)]) != nil)
  }

  @Test(
    arguments: [
      ("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z"),
      ("2025-12-31T19:00:00.25-05:00", "2026-01-01T00:00:00.250Z"),
      ("2024-02-29t12:00:00z", "2024-02-29T12:00:00Z"),
      ("2023-02-29T12:00:00Z", nil), ("2026-13-01T00:00:00Z", nil), ("2026-01-01T24:00:00Z", nil),
      ("2026-01-01 00:00:00Z", nil), ("2026-01-01T00:00:00", nil), ("2026-01-01T00:00:60Z", nil),
      ("2026-01-01T00:00:00+0100", nil), ("0000-01-01T00:00:00Z", nil), ("", nil),
      ("2026-01-01T00:00:00.Z", nil), ("２０26-01-01T00:00Z", nil),
    ] as [(String, String?)])
  func timestamps(text: String, printed: String?) throws {
    let type = try #require(MessageType(named: "google.protobuf.Timestamp"))
    let result = Arena.scope { arena in
      let slot = arena.make(type)
      return (try? slot.read(.string(text))).map { slot.json() }
    }
    #expect(result == printed.map(JSONValue.string))
  }

  @Test func anyByItsType() throws {
    let router: JSONValue = ["@type": .string(Envoy.Router.type.typeURL), "start_child_span": true]
    let config: JSONValue = ["name": "r", "typed_config": router]
    #expect(try read(Envoy.TypedExtensionConfig.self, config) == config)
    let text: JSONValue = [
      "@type": "type.googleapis.com/google.protobuf.StringValue", "value": "v",
    ]
    #expect(
      try read(Envoy.TypedExtensionConfig.self, ["typed_config": text]) == ["typed_config": text])
    let unknown: JSONValue = ["@type": "type.googleapis.com/no.such.Type", "value": "AQ=="]
    #expect(
      try read(Envoy.TypedExtensionConfig.self, ["typed_config": unknown])
        == ["typed_config": unknown])
  }

  @Test(
    arguments: [
      (["a": 1], "value.typed_config: has no @type that says which message it is"),
      ("x", #"value.typed_config: expected an object with @type, found the text "x""#),
      (
        ["@type": "type.googleapis.com/no.such.Type", "a": 1],
        "value.typed_config.a: type.googleapis.com/no.such.Type is not a type that is known here"
      ),
      (
        ["@type": "type.googleapis.com/google.protobuf.Duration", "seconds": 1],
        "value.typed_config.seconds: type.googleapis.com/google.protobuf.Duration may have only value"
      ),
      (
        ["@type": "type.googleapis.com/envoy.config.core.v3.Locality", "region": 1],
        "value.typed_config.region: expected a text, found 1"
      ),
    ] as [(JSONValue, String)])
  func whatIsWrongWithAnAny(json: JSONValue, text: String) {
    #expect(refusal(Envoy.TypedExtensionConfig.self, ["typed_config": json]) == text)
  }

  @Test func aValueMayBeNull() throws {
    let pair = try read(Envoy.KeyValuePair.self, ["key": "k", "value": nil])
    #expect(pair == ["key": "k", "value": nil])
  }

  @Test func depthIsBounded() {
    var json: JSONValue = ["anyMatch": true]
    for _ in 0..<2000 { json = ["notMatch": json] }
    let reason = refusal(Envoy.ListenerFilterChainMatchPredicate.self, json)
    #expect(reason?.hasSuffix("is nested too deeply") == true)
    for step in [{ [$0] }, { ["a": $0] }] as [(JSONValue) -> JSONValue] {
      let node = refusal(
        Envoy.Node.self, ["metadata": ["a": (0..<2000).reduce([]) { deep, _ in step(deep) }]])
      #expect(node?.hasSuffix("is nested too deeply") == true)
    }
  }

  @Test func whatIsNotTooDeepToReadIsNotTooDeepToUnpack() throws {
    for step in [{ [$0] }, { ["a": $0] }] as [(JSONValue) -> JSONValue] {
      var deepest: JSONValue = [:]
      while refusal(Envoy.Node.self, ["metadata": ["a": step(deepest)]]) == nil {
        deepest = step(deepest)
      }
      let json: JSONValue = ["metadata": ["a": deepest]]
      let packed = try Arena.scope { arena in try Envoy.Node(json: json, in: arena).packed }
      let copy = try packed.withUnsafeBytes {
        try ProtobufJSON.json(type: Envoy.Node.type, packed: $0)
      }
      #expect(copy == json)
    }
  }

  @Test func readingAgainReplacesWhatIsNamed() throws {
    try Arena.scope { arena in
      let host = try Envoy.VirtualHost(json: ["name": "a", "domains": ["x", "y"]], in: arena)
      try host.slot.read(["domains": ["z"], "requireTls": "ALL"])
      host.domains.append("w")
      #expect(host.json == ["name": "a", "domains": ["z", "w"], "require_tls": "ALL"])
    }
  }

  @Test func `what is not known is left out where that is asked for`() throws {
    let json: JSONValue = [
      "name": "a", "younger": 1, "lb_policy": "YOUNGER",
      "transport_socket": [
        "name": "s", "typed_config": ["@type": "type.googleapis.com/envoy.younger.v3.A", "b": 1],
      ],
    ]
    let type = try #require(MessageType(named: "envoy.config.cluster.v3.Cluster"))
    let (unknown, left) = try Arena.scope { arena in
      let message = arena.make(type)
      return (try message.readKnown(json), message.json())
    }
    #expect(unknown.names.count == 2)
    #expect(unknown.names.first == "\"younger\" is not a field of envoy.config.cluster.v3.Cluster")
    #expect(unknown.types == ["type.googleapis.com/envoy.younger.v3.A"])
    #expect(left["name"]?.string == "a")
    #expect(left["lb_policy"] == nil)
    #expect(refusal(Envoy.Cluster.self, json) != nil)
  }

  @Test func `what is wrong is refused all the same`() throws {
    let type = try #require(MessageType(named: "envoy.config.cluster.v3.Cluster"))
    #expect(throws: ProtobufJSONError(path: ["name"], reason: "expected a text, found false")) {
      _ = try Arena.scope { arena in try arena.make(type).readKnown(["name": false]) }
    }
  }

  @Test(arguments: [
    ("envoy.config.cluster.v3", true), ("envoy.config", true), ("envoy.config.cluster.v2", false),
    ("envoy.config.cluster.v3.Clust", false), ("zzz", false),
  ])
  func `packages are told by what is in them`(package: String, isKnown: Bool) {
    #expect(MessageType.isKnown(package: package) == isKnown)
  }
}
