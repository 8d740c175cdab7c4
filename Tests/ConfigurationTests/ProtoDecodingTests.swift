// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import Testing

@Suite struct ProtoDecodingTests {
  private func route(_ http: JSONValue) throws(ConfigError) -> Istio.VirtualService {
    try Istio.VirtualService(
      decoding: ["hosts": ["a"], "http": [http]], at: FieldPath([.key("spec")]))
  }

  private func problem(_ http: JSONValue) -> String? {
    do throws(ConfigError) {
      _ = try route(http)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func readsMessagesListsMapsAndChoices() throws {
    let service = try route([
      "match": [["uri": ["prefix": "/a"], "headers": ["x": ["exact": "1"], "y": nil]]],
      "route": [["destination": ["host": "b", "port": ["number": "80"]], "weight": 100]],
      "timeout": "1.5s", "direct_response": ["status": 200, "body": ["bytes": "aGk="]],
    ])
    let route = try #require(service.http.first)
    #expect(route.match.first?.uri == .prefix("/a"))
    #expect(route.match.first?.headers == ["x": .exact("1"), "y": .unset])
    #expect(route.route.first?.destination?.port?.number == 80)
    #expect(route.timeout == .milliseconds(1500))
    #expect(route.directResponse?.body == .bytes(ProtoBytes(Array("hi".utf8))))
  }

  @Test func readsNullAsAbsent() throws {
    let service = try route(["timeout": nil, "name": nil, "match": nil])
    #expect(service.http == [Istio.HTTPRoute()])
    #expect(try Istio.VirtualService(decoding: nil) == Istio.VirtualService())
  }

  @Test(
    arguments: [
      (
        ["timeout": "abc"],
        #"spec.http[0].timeout: expected a duration such as "1.5s", found "abc""#
      ),
      (["matches": []], "spec.http[0].matches: unknown field"),
      (["name": 1], "spec.http[0].name: expected a text, found 1"),
      (
        ["corsPolicy": [:], "cors_policy": [:]],
        "spec.http[0].cors_policy: given twice, also as corsPolicy"
      ),
      (
        ["match": [["uri": ["exact": "/a", "prefix": "/b"]]]],
        "spec.http[0].match[0].uri.prefix: only one of the alternatives may be given"
      ),
      (
        ["route": [["weight": "heavy"]]],
        "spec.http[0].route[0].weight: expected a whole number from -2147483648 to 2147483647, "
          + "found \"heavy\""
      ),
      (
        ["match": [["headers": ["a.b": 1]]]],
        #"spec.http[0].match[0].headers["a.b"]: expected an object, found 1"#
      ),
    ] as [(JSONValue, String)])
  func namesWhatItCannotRead(http: JSONValue, expected: String) {
    #expect(problem(http) == expected)
  }

  @Test func readsEnumsByNameAndNumber() throws {
    let named = try Istio.PeerAuthentication(decoding: ["mtls": ["mode": "STRICT"]])
    let numbered = try Istio.PeerAuthentication(decoding: ["mtls": ["mode": 3]])
    #expect(named == numbered)
    #expect(named.mtls?.mode == .strict)
    #expect(throws: ConfigError.self) {
      try Istio.PeerAuthentication(decoding: ["mtls": ["mode": "strict"]])
    }
  }

  @Test func readsMapsOfNumbers() throws {
    let policy = try Istio.PeerAuthentication(
      decoding: ["portLevelMtls": ["8080": ["mode": "DISABLE"]]])
    #expect(policy.portLevelMtls[8080]?.mode == .disable)
  }

  @Test func keepsThePathsOfWhatItIgnores() throws {
    var decoder = ProtoDecoder(at: FieldPath([.key("spec")]), unknownFields: .areIgnored)
    let service = try Istio.VirtualService.decode(
      ["hosts": ["a"], "hostz": ["b"], "http": [["x": ["y": 1]]]], &decoder)
    #expect(service.hosts == ["a"])
    #expect(decoder.ignored.map(\.description) == ["spec.hostz", "spec.http[0].x"])
  }

  @Test func writesWhatItRead() throws {
    let value: JSONValue = [
      "workloadSelector": ["labels": ["app": "a"]],
      "configPatches": [
        [
          "applyTo": "HTTP_FILTER",
          "match": ["context": "SIDECAR_INBOUND", "listener": ["portNumber": 80]],
          "patch": ["operation": "MERGE", "value": ["name": "x", "nested": [1, nil, true]]],
        ]
      ],
    ]
    let filter = try Istio.EnvoyFilter(decoding: value)
    #expect(filter.json == value)
    #expect(try Istio.EnvoyFilter(decoding: filter.json) == filter)
  }
}

@Suite struct ProtoDurationTests {
  @Test(arguments: [
    ("1.5s", "1.500s"), ("0", "0s"), ("0s", "0s"), ("1h30m", "5400s"), ("250ms", "0.250s"),
    ("-2s", "-2s"), ("1ns", "0.000000001s"), (".5s", "0.500s"), ("1.000001s", "1.000001s"),
    ("-0.5s", "-0.500s"), ("1m0.3s", "60.300s"),
  ])
  func readsAndWrites(text: String, written: String) throws {
    let duration = try #require(Duration(protoText: text))
    #expect(duration.protoText == written)
    #expect(Duration(protoText: written) == duration)
  }

  @Test(arguments: ["", "s", "1", "1.5", "abc", "1d", "1s ", "--1s", "1..2s", "9999999999h", "."])
  func refuses(text: String) { #expect(Duration(protoText: text) == nil) }
}

@Suite struct Base64Tests {
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
    ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
  ])
  func readsAndWrites(text: String, encoded: String) {
    #expect(Base64.encode(Array(text.utf8)) == encoded)
    #expect(Base64.decode(encoded) == Array(text.utf8))
  }

  @Test(arguments: ["Z", "Zg=", "Zg==Zg==", "Z*==", "===="])
  func refuses(text: String) { #expect(Base64.decode(text) == nil) }
}
