// SPDX-License-Identifier: Apache-2.0

import JSON
import Testing

@Suite struct JSONPrinterTests {
  let value: JSONValue = ["b": [1, "x\n\u{1}\"\\"], "a": ["d": nil, "c": []], "é": [:]]

  @Test func writesOneLine() {
    #expect(
      value.text() == #"{"b":[1,"x\n\u0001\"\\"],"a":{"d":null,"c":[]},"é":{}}"#)
  }

  @Test func writesLinesInSortedOrder() {
    #expect(
      value.text(JSONFormat(indent: 2, keyOrder: .sorted)) == #"""
        {
          "a": {
            "c": [],
            "d": null
          },
          "b": [
            1,
            "x\n\u0001\"\\"
          ],
          "é": {}
        }
        """#)
  }

  @Test(arguments: [
    (JSONValue.double(1), "1.0"), (.double(-0.0), "-0.0"), (.double(0.1), "0.1"),
    (.double(1e16), "10000000000000000.0"), (.double(-1.5e20), "-150000000000000000000.0"),
    (.double(1.2345678901234567e19), "12345678901234567000.0"), (.double(1e21), "1e+21"),
    (.double(1e-7), "1e-07"), (.double(.leastNonzeroMagnitude), "5e-324"),
    (.integer(.min), "-9223372036854775808"),
    (.double(.nan), "\"NaN\""), (.double(-.infinity), "\"-Infinity\""),
  ]) func writesNumbers(_ value: JSONValue, _ text: String) {
    #expect(value.text() == text)
  }

  @Test func whatIsWrittenReadsBackEqual() throws {
    var random = SplitMix(state: 20_240_817)
    for _ in 0..<300 {
      let value = random.value(depth: 4)
      #expect(try JSONValue(parsing: value.text()) == value)
      #expect(try JSONValue(parsing: value.utf8(.pretty)) == value)
    }
  }

  @Test func pathsAreUnambiguous() {
    let cases: [(FieldPath, String)] = [
      ([], ""), (["spec", "http", 0, "match", 1, "uri"], "spec.http[0].match[1].uri"),
      (["metadata", "labels", "a.b/c"], "metadata.labels[\"a.b/c\"]"), ([2, "x"], "[2].x"),
      (["", "a\"b"], "[\"\"][\"a\\\"b\"]"), (["@type"], "@type"),
    ]
    for (path, text) in cases { #expect(path.description == text) }
  }

  @Test func pathsGrow() {
    #expect(FieldPath().appending(key: "spec").appending(index: 3) == ["spec", 3])
  }
}

/// A generator of arbitrary values from a fixed seed.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func string() -> String {
    let alphabet: [Character] = ["a", "Z", "\"", "\\", "\n", "\0", "é", "😀", " ", "/", "\u{7F}"]
    return String(
      (0..<Int.random(in: 0...6, using: &self)).map { _ in
        alphabet[Int.random(in: 0..<alphabet.count, using: &self)]
      })
  }

  mutating func value(depth: Int) -> JSONValue {
    switch Int.random(in: 0...(depth > 0 ? 7 : 5), using: &self) {
    case 0: return .null
    case 1: return .bool(Bool.random(using: &self))
    case 2: return .integer(Int64(bitPattern: next()))
    case 3:
      let double = Double(bitPattern: next())
      return .double(double.isFinite ? double : 0.5)
    case 4: return .double(Double(Int.random(in: -1000...1000, using: &self)))
    case 5: return .string(string())
    case 6:
      return .array((0..<Int.random(in: 0...4, using: &self)).map { _ in value(depth: depth - 1) })
    default:
      var object = JSONObject()
      for _ in 0..<Int.random(in: 0...4, using: &self) {
        object[string()] = value(depth: depth - 1)
      }
      return .object(object)
    }
  }
}
