// SPDX-License-Identifier: Apache-2.0

import Configuration
import FileSource
import MeshModel
import Testing

/// Objects from files: which object of which file counts, and what is said of the rest.
struct ConfigurationFilesTests {
  private func file(_ path: String, _ text: String) -> FileContent {
    FileContent(path: path, bytes: Array(text.utf8))
  }

  private func service(_ name: String, port: Int = 80) -> String {
    """
    apiVersion: v1
    kind: Service
    metadata: {name: \(name), namespace: default}
    spec: {ports: [{name: http, port: \(port)}]}

    """
  }

  private func port(_ object: SourcedObject) -> Int64? {
    guard case .service(let service)? = object.object else { return nil }
    return service.spec.spec?.ports.first.map { Int64($0.port) }
  }

  @Test("Many documents and lists become objects with their lines")
  func documentsAndLists() {
    var files = ConfigurationFiles()
    let text =
      service("a") + "---\n"
        + """
        apiVersion: v1
        kind: List
        items:
        - apiVersion: v1
          kind: Service
          metadata: {name: b}
          spec: {ports: [{port: 1}]}
        - apiVersion: networking.istio.io/v1
          kind: Gateway
          metadata: {name: c}
          spec: {servres: []}
        """
    let transaction = files.apply(DirectoryChange(upserted: [file("x.yaml", text)]))
    #expect(transaction.upserts.map(\.key.name) == ["c", "a", "b"])
    #expect(transaction.upserts.map(\.key.namespace) == ["default", "default", "default"])
    #expect(transaction.upserts.map(\.origin.line) == [13, 1, 9])
    let said = transaction.upserts[0].diagnostics
    #expect(said.map(\.field) == ["spec.servres"])
    #expect(said.map(\.origin.line) == [16])
    #expect(transaction.upserts[0].object == nil)
  }

  @Test("JSON is read too")
  func json() {
    var files = ConfigurationFiles()
    let text = "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\n\t\"metadata\":{\"name\":\"n\"}}"
    let transaction = files.apply(DirectoryChange(upserted: [file("x.json", text)]))
    #expect(transaction.upserts.map(\.key.name) == ["n"])
    #expect(transaction.problems.isEmpty)
  }

  @Test("Of one object in two files that of the first path counts; the other takes over")
  func twoFiles() throws {
    var files = ConfigurationFiles()
    let both = files.apply(
      DirectoryChange(upserted: [
        file("b.yaml", service("a", port: 2)), file("a.yaml", service("a", port: 1)),
      ]))
    #expect(both.upserts.map(port) == [1])
    let said = try #require(both.problems.first)
    #expect(said.origin.file == "b.yaml")
    #expect(said.message.contains("a.yaml"))
    let fallen = files.apply(DirectoryChange(removed: ["a.yaml"]))
    #expect(fallen.upserts.map(port) == [2])
    #expect(fallen.removals.isEmpty && fallen.problems.isEmpty)
    let gone = files.apply(DirectoryChange(removed: ["b.yaml"]))
    #expect(gone.removals.map(\.name) == ["a"])
  }

  @Test("A second document of one name in a file is said")
  func twiceInOneFile() {
    var files = ConfigurationFiles()
    let text = service("a", port: 1) + "---\n" + service("a", port: 2)
    let transaction = files.apply(DirectoryChange(upserted: [file("a.yaml", text)]))
    #expect(transaction.upserts.map(port) == [1])
    #expect(transaction.problems.map(\.origin.line) == [6])
  }

  @Test("A document that cannot be read keeps what the file said before, but for what it says now")
  func brokenDocument() {
    var files = ConfigurationFiles()
    let good = service("a", port: 1) + "---\n" + service("b", port: 1)
    _ = files.apply(DirectoryChange(upserted: [file("x.yaml", good)]))
    let broken = service("a", port: 2) + "---\nkind: Service\nspec: [unclosed\n"
    let transaction = files.apply(DirectoryChange(upserted: [file("x.yaml", broken)]))
    #expect(transaction.removals.isEmpty)
    #expect(transaction.upserts.map(port) == [2, 1])
    #expect(transaction.problems.map(\.effect) == [.rejected])
    let repaired = files.apply(
      DirectoryChange(upserted: [file("x.yaml", service("a", port: 2))]))
    #expect(repaired.removals.map(\.name) == ["b"])
    #expect(repaired.problems.isEmpty)
  }

  @Test("What is no object, or of no known kind, is said")
  func strangers() {
    var files = ConfigurationFiles()
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n---\njust: text\n"
    let transaction = files.apply(DirectoryChange(upserted: [file("x.yaml", text)]))
    #expect(transaction.upserts.isEmpty)
    #expect(Set(transaction.problems.map(\.effect)) == [.warning, .rejected])
    #expect(Set(transaction.problems.map(\.origin.line)) == [1, 5])
  }

  @Test("Files that cannot be read are said")
  func unreadable() {
    var files = ConfigurationFiles()
    let change = DirectoryChange(problems: [FileProblem(path: "x.yaml", reason: "x.yaml is odd")])
    #expect(files.apply(change).problems.map(\.message) == ["x.yaml is odd"])
  }
}
