// SPDX-License-Identifier: Apache-2.0

import JSON
import Testing

@Suite struct JSONParserTests {
  @Test func readsEveryKindOfValue() throws {
    let text = #" {"a":[1,-2.5,true,false,null,"x"],"b":{},"c":[]} "#
    #expect(
      try JSONValue(parsing: text)
        == ["a": [1, -2.5, true, false, nil, "x"], "b": [:], "c": []])
  }

  @Test(arguments: [
    ("0", JSONValue.integer(0)), ("-0", .integer(0)), ("9223372036854775807", .integer(.max)),
    ("-9223372036854775808", .integer(.min)),
    ("9223372036854775808", .double(9.223372036854775808e18)),
    ("1.0", .double(1)), ("1e3", .double(1000)), ("1E-2", .double(0.01)), ("-0.5e+1", .double(-5)),
    ("123456789012345678901234567890", .double(1.2345678901234568e29)),
  ]) func readsNumbers(_ text: String, _ value: JSONValue) throws {
    #expect(try JSONValue(parsing: text) == value)
  }

  @Test(arguments: [
    (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\u0000""#, "Aé\0"),
    (#""a\ud83d\uDE00b""#, "a😀b"), ("\"é😀\"", "é😀"),
  ]) func readsStrings(_ text: String, _ value: String) throws {
    #expect(try JSONValue(parsing: text) == .string(value))
  }

  @Test(arguments: [
    ("", "line 1, column 1: the text ends where a value belongs"),
    ("[1,]", "line 1, column 4: unexpected ']' where a value belongs"),
    ("{\"a\":1,}", "line 1, column 8: unexpected '}' where a key belongs"),
    ("{\"a\" 1}", "line 1, column 6: unexpected '1' where ':' belongs"),
    ("{\n \"a\": 1,\n  \"a\": 2}", "line 3, column 3: duplicate key \"a\""),
    ("[1 2]", "line 1, column 4: unexpected '2' where ',' or ']' belongs"),
    ("1 2", "line 1, column 3: unexpected '2' after the value"),
    ("01", "line 1, column 2: unexpected '1' after the value"),
    ("+1", "line 1, column 1: unexpected '+' where a value belongs"),
    ("1.", "line 1, column 3: the text ends where a digit belongs"),
    (".5", "line 1, column 1: unexpected '.' where a value belongs"),
    ("1e999", "line 1, column 1: the number is out of range"),
    ("NaN", "line 1, column 1: unexpected 'N' where a value belongs"),
    ("tru", "line 1, column 1: unexpected 't' where a value belongs"),
    ("\"a", "line 1, column 1: the string is not closed"),
    ("\"a\\", "line 1, column 4: the text ends inside an escape"),
    ("\"\\x\"", "line 1, column 3: unexpected 'x' after '\\'"),
    ("\"a\tb\"", "line 1, column 3: unexpected byte 0x9 inside a string, where it must be escaped"),
    ("\"é\\ud800\"", "line 1, column 3: the escape is a surrogate without its other half"),
    (#""\udc00""#, "line 1, column 2: the escape is a surrogate without its other half"),
    (#""\ud800\u0041""#, "line 1, column 2: the escape is a surrogate without its other half"),
    (#""\u12G4""#, "line 1, column 6: unexpected 'G' where a hexadecimal digit belongs"),
    ("\u{FEFF}1", "line 1, column 1: unexpected byte 0xef where a value belongs"),
    ("// no\n1", "line 1, column 1: unexpected '/' where a value belongs"),
  ]) func refusesWhatIsNotJSON(_ text: String, _ message: String) {
    let error = #expect(throws: JSONParseError.self) { try JSONValue(parsing: text) }
    #expect(error?.description == message)
  }

  @Test(
    arguments: [
      [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
      [0x22, 0x5C, 0x6E, 0xE2, 0x82, 0x22],
    ] as [[UInt8]]) func refusesBytesThatAreNotUTF8(_ bytes: [UInt8])
  {
    let error = #expect(throws: JSONParseError.self) { try JSONValue(parsing: bytes) }
    #expect(error?.reason == "the string is not valid UTF-8")
  }

  @Test func keepsLimits() throws {
    let deep = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
    _ = try JSONValue(parsing: deep)
    let error = #expect(throws: JSONParseError.self) { try JSONValue(parsing: "[" + deep + "]") }
    #expect(error?.reason == "nested deeper than 100 levels")
    let long = #expect(throws: JSONParseError.self) {
      try JSONValue(parsing: "[1,2]", limits: JSONLimits(bytes: 4))
    }
    #expect(long?.reason == "the text has 5 bytes, more than the limit 4")
  }

  @Test func findsDuplicatesAmongManyKeys() {
    let members = (0..<100).map { "\"k\($0)\":\($0)" } + ["\"k57\":0"]
    let error = #expect(throws: JSONParseError.self) {
      try JSONValue(parsing: "{" + members.joined(separator: ",") + "}")
    }
    #expect(error?.reason == "duplicate key \"k57\"")
  }
}
