// SPDX-License-Identifier: Apache-2.0

import Testing

/// The rules themselves, on small texts: each finds what it is for and lets pass what it should.
@Suite struct RuleTests {
  private func file(_ text: String, path: String = "Sources/JSON/Sample.swift") -> SourceFile {
    SourceFile(path: path, text)
  }

  @Test(arguments: [
    ("let a = 1 // one", "let a = 1       ", "          // one"),
    (#"let a = "b // c" + d"#, "let a =          + d", ""),
    (#"f("a \(g("x)") + h) b", i)"#, "f(     g(    ) + h    , i)", ""),
    (##"f(#"a \(b) " \#(c)"#)"##, "f(              c   )", ""),
    ("a /* b /* c */ d */ e", "a                   e", "  /* b /* c */ d */"),
  ])
  func `text is told apart`(text: String, code: String, comments: String) {
    let source = SourceText(text)
    #expect(trimmed(source.code) == trimmed([code]))
    #expect(trimmed(source.comments) == trimmed([comments]))
  }

  private func trimmed(_ lines: [String]) -> [String] {
    lines.map { line in
      String(line.reversed().drop { $0 == " " }.reversed())
    }
  }

  @Test func `a literal of many lines is no code`() {
    let source = SourceText("let a = \"\"\"\n  try! \\(b!)\n  \"quoted\"\n  \"\"\"\nlet c = 2\n")
    #expect(source.code.count == 5)
    #expect(!source.code[1].contains("try!"))
    #expect(source.code[1].contains("b!"))
    #expect(source.code[4] == "let c = 2")
  }

  @Test(arguments: [
    ("print(1)", 1), ("printer.print(1)", 0), ("func print(_ x: Int) {}", 0), ("sprint(1)", 0),
    ("let x = try! f()", 1), ("x as! Int", 1), ("group.addTask { }", 0), ("Task { }", 1),
    ("A.shared.b()", 1), ("a.sharedThing", 0), ("fatalError(\"no\")", 1), ("// TODO: later", 1),
    ("let s = \"TODO\"", 0), ("import Foundation", 1),
  ])
  func `words are found in their place`(text: String, count: Int) {
    let found = BannedWord.all.flatMap { $0.violations(in: file(text)) }
    #expect(found.count == count)
  }

  @Test func `the place of a word counts`() {
    let sleeping = "try await Task.sleep(for: .seconds(1))"
    let words = BannedWord.all
    #expect(words.flatMap { $0.violations(in: file(sleeping)) }.isEmpty)
    let test = file(sleeping, path: "Tests/JSONTests/Sample.swift")
    #expect(words.flatMap { $0.violations(in: test) }.count == 1)
    let scope = file("Task { f() }", path: "Sources/Lifecycle/ServiceGroup.swift")
    #expect(words.flatMap { $0.violations(in: scope) }.isEmpty)
  }

  @Test(arguments: [
    ("a!.b", 1), ("f()!", 1), ("a[0]!", 1), ("var a: Int!", 1), ("a != b", 0), ("!a", 0),
    ("a && !b", 0), ("a!=b", 0), ("\"a!\"", 0), ("try! f()", 0),
  ])
  func `forced unwraps are found`(text: String, count: Int) {
    #expect(forcedUnwraps(in: file(text)).count == count)
  }

  @Test func `functions are measured from name to brace`() {
    let text = """
      struct A {
        init(a: Int = { 1 }()) {
          self.init()
        }
        func b(
          c: Int
        ) -> Int
        where Int: Any {
          let d = { 2 }
          func e() {}
          return d()
        }
        let f: Int
      }
      protocol P { func g() }
      struct H { var i: Int { 1 } }
      var j = 1
      if j == 1 { }
      let k = f { var l = m { 2 } }
      """
    let expected = [(2, 4), (5, 12), (10, 10), (16, 16)].map(FunctionSpan.init)
    #expect(functions(in: SourceText(text)) == expected)
  }

  @Test func `long functions and files are found`() {
    let body = String(repeating: "  f()\n", count: longestFunction - 1)
    #expect(functionLengths(in: file("func a() {\n\(body)}\n")).count == 1)
    #expect(functionLengths(in: file("func a() {\n\(body.dropLast(6))}\n")).isEmpty)
    #expect(fileLength(of: file(String(repeating: "\n", count: longestFile))).isEmpty)
    #expect(fileLength(of: file(String(repeating: "\n", count: longestFile + 1))).count == 1)
  }

  @Test func `promises need a reason nearby`() {
    let promise = "final class A: @unchecked Sendable {}"
    #expect(unexplainedPromises(in: file(promise)).count == 1)
    #expect(unexplainedPromises(in: file("// SAFETY: locked.\n\n\n\n" + promise)).isEmpty)
    #expect(unexplainedPromises(in: file("// SAFETY: locked.\n\n\n\n\n" + promise)).count == 1)
    #expect(unexplainedPromises(in: file("nonisolated(unsafe) let a = \"SAFETY:\"")).count == 1)
  }

  @Test(arguments: [
    ("public func a() {}", 1), ("/// A.\npublic func a() {}", 0), ("public import JSON", 0),
    ("/// A.\n@inlinable\npublic func a() {}", 0), ("@inlinable public func a() {}", 1),
    ("public private(set) var a = 1", 1), ("publicly = 1", 0), ("func a() {}", 0),
    ("extension A { }", 0),
  ])
  func `public declarations without comment are found`(text: String, count: Int) {
    #expect(undocumented(in: file(text)).count == count)
  }

  @Test(arguments: [
    ("import Bytes", "Sources/JSON/A.swift", 1), ("import CXXHash", "Sources/Bytes/A.swift", 0),
    ("public import JSON", "Sources/YAML/A.swift", 0), ("import CGRPC", "Sources/JSON/A.swift", 1),
    ("@testable import JSON", "Tests/JSONTests/A.swift", 0),
    ("import struct GRPC.GRPCStatus", "Sources/JSON/A.swift", 1),
    ("import Testing", "Sources/Utils/A.swift", 1), ("import GRPC", "Tests/JSONTests/A.swift", 1),
  ])
  func `imports are held against the room's list`(text: String, path: String, count: Int) {
    #expect(forbiddenImports(in: file(text, path: path)).count == count)
  }

  @Test func `the manifest is read`() {
    let manifest = """
      Room(name: "A", uses: []), Room(
        name: "B",
        uses: [
          "A", "CB",
        ], kind: .c)
      """
    #expect(declaredUses(manifest) == ["A": [], "B": ["A", "CB"]])
    let found = disagreements("Room(name: \"JSON\", uses: [\"GRPC\"])").map(\.message)
    #expect(found.contains("JSON uses GRPC, which allowedImports does not have"))
    #expect(found.contains("YAML does not use JSON, which allowedImports has"))
  }

  @Test func `licence and workplace are found`() {
    #expect(missingLicence(in: ["import A"], path: "a").count == 1)
    let script = ["#!/bin/sh", "# SPDX-License-Identifier: Apache-2.0"]
    #expect(missingLicence(in: script, path: "a").isEmpty)
    let workplace = Workplace(root: "/somewhere/here")
    #expect(workplace.violations(in: "a\nsee /somewhere/here/b\n", path: "a").map(\.line) == [2])
    #expect(workplace.violations(in: "see /etc/passwd", path: "a").isEmpty)
  }
}
