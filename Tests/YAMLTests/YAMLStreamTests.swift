// SPDX-License-Identifier: Apache-2.0

import JSON
import Testing
import YAML

@Suite struct YAMLStreamTests {
  @Test func tellsDocumentsApart() {
    let stream = YAML.documents(
      in: """
        # licence

        a: 1
        ---
        # nothing here
        --- # nor here
        ---
        # leading
        b: 2
        ...
        # between
        c: 3
        --- |
          text
          ---- not a marker
        --- {d: 4}
        ---
        """)
    #expect(stream.errors.isEmpty)
    #expect(
      stream.documents.map(\.value)
        == [["a": 1], ["b": 2], ["c": 3], "text\n---- not a marker\n", ["d": 4]])
    #expect(stream.documents.map(\.line) == [3, 9, 12, 13, 16])
    #expect(stream.documents.map(\.index) == [0, 1, 2, 3, 4])
  }

  @Test func oneBrokenDocumentCostsNoOther() {
    let stream = YAML.documents(
      in: "a: 1\n---\nb: [\n---\nc: 3\n---\nd: \"x\n---\ne: 5\ne: 6\n---\nf: 7\n")
    #expect(stream.documents.map(\.value) == [["a": 1], ["c": 3], ["f": 7]])
    #expect(stream.documents.map(\.index) == [0, 2, 5])
    #expect(stream.errors.map(\.document) == [1, 3, 4])
    #expect(stream.errors.last?.description == "line 10, column 1: duplicate key \"e\"")
  }

  @Test(arguments: ["", "\n\n", "# only\n", "---\n", "---\n---\n...\n", "\u{FEFF}"])
  func nothingIsNoDocument(_ text: String) throws {
    #expect(YAML.documents(in: text) == YAML.documents(in: ""))
    #expect(YAML.documents(in: text).errors.isEmpty)
    #expect(try YAML.value(in: text) == .null)
  }

  @Test(arguments: ["\n", "\r\n", "\r"]) func takesEveryLineBreak(_ lineBreak: String) {
    let text = ["%YAML 1.1", "---", "a: 1", "---", "b:", "  - 2", "..."].joined(
      separator: lineBreak)
    let stream = YAML.documents(in: "\u{FEFF}" + text)
    #expect(stream.errors.isEmpty)
    #expect(stream.documents.map(\.value) == [["a": 1], ["b": [2]]])
    #expect(stream.documents.map(\.line) == [3, 5])
  }

  @Test func explicitNullIsADocument() {
    #expect(YAML.documents(in: "null\n---\n~\n").documents.map(\.value) == [nil, nil])
  }

  @Test func findsTheLineOfAField() {
    let text = """
      kind: A
      ---
      # comment
      kind: B
      metadata:
        labels:
          a.b/c: x
      spec:
        http:
        - match: [{uri: 1}, {uri: 2}]
        -
          route:
          - weight: 1
          - weight: 2
      """
    let lines: [(FieldPath, Int)] = [
      ([], 4), (["kind"], 4), (["metadata", "labels", "a.b/c"], 7),
      (["spec", "http", 0, "match", 1, "uri"], 10),
      (["spec", "http", 1, "route", 1, "weight"], 14),
      (["spec", "http", 1, "route", 7, "weight"], 12), (["spec", "hosts"], 8),
    ]
    for (path, line) in lines { #expect(YAML.line(of: path, in: text, document: 1) == line) }
    #expect(YAML.line(of: ["kind"], in: text) == 1)
    #expect(YAML.line(of: ["kind"], in: text, document: 2) == nil)
  }
}
