// SPDX-License-Identifier: Apache-2.0

import Testing

/// The rules of the house over the whole tree: what review should not have to ask for.
@Suite struct TidyTests {
  @Test func `the tree is found`() {
    #expect(SourceTree.swift.contains { $0.path == "Tests/TidyTests/TidyTests.swift" })
    #expect(SourceTree.swift.contains { $0.path == "Sources/JSON/JSONValue.swift" })
    #expect(!SourceTree.paths.contains { $0.contains("/Generated/") || $0.hasPrefix(".build") })
  }

  @Test func `rooms import only what stands below them`() {
    expectNone(SourceTree.swift.flatMap(forbiddenImports))
  }

  @Test func `the manifest and the list of imports agree`() throws {
    expectNone(disagreements(try #require(SourceTree.read("Package.swift"))))
  }

  @Test(arguments: BannedWord.all)
  func `no banned word`(word: BannedWord) {
    expectNone(SourceTree.swift.flatMap(word.violations))
  }

  @Test func `nothing is unwrapped by force`() {
    expectNone(SourceTree.swift.flatMap(forcedUnwraps))
  }

  @Test func `promises of safety say why they hold`() {
    expectNone(SourceTree.swift.flatMap(unexplainedPromises))
  }

  @Test func `files are short`() { expectNone(SourceTree.swift.flatMap(fileLength)) }

  @Test func `functions are short`() { expectNone(SourceTree.swift.flatMap(functionLengths)) }

  @Test func `files begin with the licence`() {
    let endings = [".swift", ".c", ".cc", ".h", ".py", ".proto", ".sh", "modulemap"]
    let programs = SourceTree.paths.filter { path in endings.contains(where: path.hasSuffix) }
    let violations = programs.flatMap { path in
      let lines = (SourceTree.read(path) ?? "").split(separator: "\n", maxSplits: 2).map(
        String.init)
      return missingLicence(in: lines, path: path)
    }
    expectNone(violations)
  }

  @Test func `public declarations say what they are`() {
    expectNone(SourceTree.swift.filter { !$0.isTest }.flatMap(undocumented))
  }

  @Test func `no word of the workplace`() {
    let workplace = Workplace(root: SourceTree.root)
    let violations = SourceTree.paths.flatMap { path in
      SourceTree.read(path).map { workplace.violations(in: $0, path: path) } ?? []
    }
    expectNone(violations)
  }
}
