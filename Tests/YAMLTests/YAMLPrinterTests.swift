// SPDX-License-Identifier: Apache-2.0

import JSON
import Testing
import YAML

@Suite struct YAMLPrinterTests {
  @Test func writesBlockStyle() {
    let value: JSONValue = [
      "kind": "Service",
      "spec": [
        "ports": [["port": 80, "ip": "10.0.0.1"], []], "selector": [:], "on": "yes", "n": nil,
        "nested": [["a", "b: c"], ["1:20"]], "script": "one\n  two\n\nthree\n", "version": "1.10",
        "weight": 0.5, "host": "*.example.com", "time": "2001-12-14",
      ],
    ]
    #expect(
      YAML.text(of: value) == """
        kind: Service
        spec:
          ports:
          - port: 80
            ip: 10.0.0.1
          - []
          selector: {}
          "on": "yes"
          "n": null
          nested:
          - - a
            - "b: c"
          - - "1:20"
          script: |
            one
              two

            three
          version: "1.10"
          weight: 0.5
          host: "*.example.com"
          time: "2001-12-14"

        """)
  }

  @Test func sortsAndJoins() {
    #expect(
      YAML.text(ofDocuments: [["b": 1, "a": 2], "x"], keyOrder: .sorted) == "a: 2\nb: 1\n---\nx\n")
  }

  @Test func whatIsWrittenReadsBackEqual() throws {
    var random = SplitMix(state: 77)
    for _ in 0..<1500 {
      let value = random.value(depth: 4)
      let text = YAML.text(of: value)
      let stream = YAML.documents(in: text)
      #expect(stream.errors.isEmpty && stream.documents.first?.value == value, "\(text)")
    }
  }

  @Test func longKeysReadBackEqual() throws {
    var object = JSONObject()
    object[String(repeating: "k", count: 3000)] = [["a": 1]]
    object["b"] = 2
    let value = JSONValue.object(object)
    #expect(try YAML.value(in: YAML.text(of: value)) == value)
    #expect(try YAML.value(in: YAML.text(of: [value])) == [value])
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
    let alphabet: [String] = [
      "a", "yes", "no", "~", "null", "true", "0", "1", "0x", ".", ":", ": ", " #", "- ", "-", "e",
      "\"", "'", "\\", "\n", "\n\n", "  ", "\t", "\r", "\0", "é", "😀", "/", "\u{7F}", "\u{85}",
      "\u{2028}",
      "\u{FEFF}", "\u{FFFE}", "{", "[", "]", ",", "&", "*", "!", "|", ">", "%", "@", "`", "---",
      "...", "<<", "=",
    ]
    return (0..<Int.random(in: 0...5, using: &self)).map { _ in
      alphabet[Int.random(in: 0..<alphabet.count, using: &self)]
    }.joined()
  }

  mutating func value(depth: Int) -> JSONValue {
    switch Int.random(in: 0...(depth > 0 ? 9 : 5), using: &self) {
    case 0: return .null
    case 1: return .bool(Bool.random(using: &self))
    case 2: return .integer(Int64(bitPattern: next()))
    case 3:
      let double = Double(bitPattern: next())
      return .double(double.isFinite ? double : 0.5)
    case 4, 5: return .string(string())
    case 6, 7:
      return .array((0..<Int.random(in: 0...3, using: &self)).map { _ in value(depth: depth - 1) })
    default:
      var object = JSONObject()
      for _ in 0..<Int.random(in: 0...4, using: &self) {
        object[string()] = value(depth: depth - 1)
      }
      return .object(object)
    }
  }
}
