// SPDX-License-Identifier: Apache-2.0

import JSON
import Testing
import YAML

@Suite struct YAMLReaderTests {
  @Test func readsAnObjectAsKubernetesDoes() throws {
    let value = try YAML.value(
      in: """
        # comment
        apiVersion: v1
        metadata:
          labels: {app: web, "tier": 'a''b'}
          annotations:
            note: |
              two
              lines
            folded: >-
              one
              line
        spec:
          ports:
          - port: 80   # trailing
            name: http
          -
            port: 0x1F90
          nothing:
        """)
    #expect(
      value == [
        "apiVersion": "v1",
        "metadata": [
          "labels": ["app": "web", "tier": "a'b"],
          "annotations": ["note": "two\nlines\n", "folded": "one line"],
        ],
        "spec": ["ports": [["port": 80, "name": "http"], ["port": 8080]], "nothing": nil],
      ])
  }

  @Test(arguments: [
    ("true", JSONValue.bool(true)), ("FALSE", .bool(false)), ("tRue", .string("tRue")),
    ("yes", .string("yes")), ("on", .string("on")), ("n", .string("n")), ("~", .null),
    ("Null", .null), ("nUll", .string("nUll")), ("", .null), ("''", .string("")),
    ("0", .integer(0)), ("-12", .integer(-12)), ("+12", .integer(12)), ("1_000", .integer(1000)),
    ("0777", .integer(511)), ("0o14", .integer(12)), ("0xFf", .integer(255)),
    ("-0x10", .integer(-16)),
    ("0b101", .integer(5)), ("08", .integer(8)), ("0x", .string("0x")), ("0x-1", .string("0x-1")),
    ("1.5", .double(1.5)), (".5", .double(0.5)), ("5.", .double(5)), ("-1e3", .double(-1000)),
    ("1.0", .double(1)), ("1e999", .string("1e999")),
    ("18446744073709551615", .double(18_446_744_073_709_551_616)),
    ("1.2.3", .string("1.2.3")), ("1:20", .string("1:20")), ("10.0.0.1", .string("10.0.0.1")),
    ("2001-12-14", .string("2001-12-14")),
    ("2001-12-14t21:59:43.10-05:00", .string("2001-12-14t21:59:43.10-05:00")),
    ("1e", .string("1e")), ("-", .array([nil])), ("+", .string("+")), (".", .string(".")),
    ("e3", .string("e3")), ("5m", .string("5m")), ("'5'", .string("5")),
    ("\"\\x41\\u00e9\"", .string("Aé")),
    ("!!str 5", .string("5")), ("!!int '5'", .integer(5)), ("!!float 5", .double(5)),
    ("!!bool on", .bool(true)),
    ("!!null ''", .null), ("!!binary aGk=", .string("hi")), ("!custom 5", .string("5")),
    ("!!timestamp 2001-12-14", .string("2001-12-14")),
  ]) func resolvesScalars(_ text: String, _ value: JSONValue) throws {
    #expect(try YAML.value(in: text) == value)
  }

  @Test func convertsKeysThatAreNotTexts() throws {
    #expect(
      try YAML.value(in: "{1: a, 0x10: b, true: c, 1.5: d, yes: e, .inf: f, 2.0: g}")
        == ["1": "a", "16": "b", "true": "c", "1.5": "d", "yes": "e", ".inf": "f", "2": "g"])
  }

  @Test func mergesAndFollowsAliases() throws {
    let value = try YAML.value(
      in: """
        base: &base {a: 1, b: 2}
        other: &other {b: 3, c: 4}
        one:
          <<: *base
          b: 9
        two:
          b: 8
          <<: [*base, *other]
        quoted: {"<<": 1}
        list: [*base, &key name, *key]
        """)
    #expect(value["one"]?.object.map(Set.init(members:)) == Set(members: ["b": 9, "a": 1]))
    #expect(value["two"] == ["b": 8, "a": 1, "c": 4])
    #expect(value["quoted"] == ["<<": 1])
    #expect(value["list"] == [["a": 1, "b": 2], "name", "name"])
  }

  @Test(arguments: [
    ("a: 1\nb: 2\na: 3\n", "line 3, column 1: duplicate key \"a\""),
    ("1: x\n'1': y\n", "line 2, column 1: duplicate key \"1\""),
    ("a: .inf\n", "line 1, column 4: '.inf' is a number that JSON cannot hold"),
    ("a:\n\t- b\n", "line 2, column 1: a tab where only spaces may indent"),
    ("? [a]\n: b\n", "line 1, column 3: a key must be a text, a number or a truth value"),
    ("~: b\n", "line 1, column 1: a key must be a text, a number or a truth value"),
    ("a: *b\n", "line 1, column 4: the alias *b has no anchor before it"),
    ("a: &a [*a]\n", "line 1, column 8: the alias *a stands inside its own anchor"),
    ("a: !!int x\n", "line 1, column 4: 'x' is not of the type that its tag names"),
    ("a: !!binary 'a'\n", "line 1, column 4: 'a' is not base64 of UTF-8 text"),
    ("a:\n  <<: 5\n", "line 2, column 3: '<<' takes a mapping or a sequence of mappings"),
    ("a: b: c\n", "line 1, column 5: mapping values are not allowed in this context"),
    (
      "a: [1\nb: 2\n",
      "line 2, column 2: did not find expected ',' or ']' while parsing a flow sequence"
    ),
    (
      "x: \"\\ud83d\"\n",
      "line 1, column 7: found invalid Unicode character escape code while parsing a quoted scalar"
    ),
    ("a: 1\n---\nb: 2\n", "line 3, column 1: a second document begins where one was expected"),
  ]) func namesWhatIsWrong(_ text: String, _ message: String) {
    let error = #expect(throws: YAMLError.self) { try YAML.value(in: text) }
    #expect(error?.description == message)
  }

  @Test func refusesBytesThatAreNotUTF8() {
    let stream = YAML.documents(in: Array("a: 1\nb: é".utf8) + [0xFF])
    #expect(stream.errors.map(\.description) == ["line 2, column 5: invalid leading UTF-8 octet"])
  }

  @Test func readsJSONAsJSON() throws {
    #expect(try YAML.value(in: "{\"a\":\"\\ud83d\\ude00\",\n\t\"b\":1}") == ["a": "😀", "b": 1])
  }

  @Test func keepsLimits() throws {
    let nested = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
    _ = try YAML.value(in: nested)
    let deep = #expect(throws: YAMLError.self) { try YAML.value(in: "[" + nested + "]") }
    #expect(deep?.reason == "nested deeper than 100 levels")
    let long = #expect(throws: YAMLError.self) {
      try YAML.value(in: "a: 12345", limits: YAMLLimits(documentBytes: 7))
    }
    #expect(long?.reason == "the document has 8 bytes, more than the limit 7")
  }

  @Test func aliasesCannotExplode() {
    var laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1...9 {
      let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
      laughs += "a\(level): &a\(level) [\(aliases)]\n"
    }
    let error = #expect(throws: YAMLError.self) { try YAML.value(in: laughs) }
    #expect(error?.line == 6)
    #expect(
      error?.reason == "the document has more than 1000000 nodes with its aliases followed")
  }

  @Test func aliasesCannotNestWithoutEnd() {
    var text = "a0: &a0 []\n"
    for level in 1...100 { text += "a\(level): &a\(level) [*a\(level - 1)]\n" }
    let error = #expect(throws: YAMLError.self) { try YAML.value(in: text) }
    #expect(error?.reason == "nested deeper than 100 levels")
  }
}

extension Set<JSONObject.Member> {
  /// The members of an object without their order.
  init(members object: JSONObject) { self.init(object.members) }
  /// The members of an object that is written out.
  init(members value: JSONValue) { self.init(value.object?.members ?? []) }
}
