// SPDX-License-Identifier: Apache-2.0

#if canImport(YAML)
  @testable import Configuration
  import Foundation
  import JSON
  import Testing
  import YAML

  /// Objects with the verdicts of istiod's webhook and of the CRDs' schema, where the tables lie
  /// beside the repository.
  @Suite struct ValidationTablesTests {
    /// A table, and the rows where we judge differently, with the reason.
    private static let tables: [(name: String, differing: Set<String>)] = [
      ("authorizationpolicy", []),
      ("crd_schema", []),
      ("destinationrule", []),
      ("envoyfilter", []),
      ("gateway", []),
      ("peerauthentication", []),
      ("proxyconfig", []),
      ("requestauthentication", []),
      ("serviceentry", []),
      ("sidecar", []),
      ("telemetry", []),
      ("trafficextension", []),
      ("virtualservice", []),
      ("wasmplugin", []),
      ("workloadentry", []),
      ("workloadgroup", []),
    ]

    @Test(.enabled(if: Tables.folder != nil, Tables.missing), arguments: tables)
    func agreesWithIstiod(name: String, differing: Set<String>) throws {
      let rows = try Tables.rows(of: name)
      var missed: [String: String] = [:]
      for row in rows where row["needs_newer_api"] == nil {
        guard let id = row["id"]?.string, let resource = row["resource"] else { continue }
        missed[id] = Tables.difference(row, Tables.expand(resource))
      }
      #expect(
        Set(missed.keys) == differing,
        """
        \(rows.count - missed.count) of \(rows.count) rows agree; not: \
        \(missed.filter { !differing.contains($0.key) }.sorted { $0.key < $1.key })
        """)
    }

    /// Objects of files of the corpus, of the kinds that we read.
    @Test(.enabled(if: Tables.folder != nil, Tables.missing))
    func agreesWithIstiodOnFiles() throws {
      let labels = try Tables.rows(of: "file_labels", list: "labels")
      let corpus = try #require(Tables.folder).deletingLastPathComponent()
      var differing: [String: String] = [:]
      var count = 0
      for (file, rows) in Dictionary(grouping: labels, by: { $0["file"]?.string ?? "" }) {
        let text = try String(contentsOf: corpus.appending(path: file), encoding: .utf8)
        let documents = YAML.documents(in: Array(text.utf8)).documents
        for row in rows {
          guard let name = row["name"]?.string, row["valid"] != nil,
            let value = documents.first(where: { Tables.matches($0.value, row) })?.value,
            ConfigurationObject.kinds.contains(where: {
              $0.matches(
                apiVersion: value["apiVersion"]?.string ?? "", kind: value["kind"]?.string ?? "")
            })
          else { continue }
          count += 1
          differing["\(file) \(name)"] = Tables.difference(row, value)
        }
      }
      #expect(count > 300)
      #expect(
        differing.isEmpty,
        "\(count - differing.count) of \(count) objects agree; not: \(differing.sorted { $0.key < $1.key })"
      )
    }

    /// What istiod translated for the corpus, and the samples of Istio's documentation.
    @Test(.enabled(if: Tables.folder != nil, Tables.missing), arguments: ["xds", "samples"])
    func acceptsTheObjectsOfTheCorpus(name: String) throws {
      let folder = try #require(Tables.folder).deletingLastPathComponent().appending(path: name)
      var refused: [String] = []
      var count = 0
      for case let file as URL in FileManager.default.enumerator(
        at: folder, includingPropertiesForKeys: nil) ?? .init()
      where file.pathExtension == "yaml" {
        let bytes = [UInt8](try Data(contentsOf: file))
        for document in YAML.documents(in: bytes).documents {
          for value in ConfigurationObject.expandLists(document.value) {
            let (object, diagnostics) = ConfigurationObject.decode(value)
            let found = diagnostics + (object?.validate() ?? [])
            count += object == nil ? 0 : 1
            refused += found.filter { $0.severity == .error && value["kind"] != nil }.map {
              "\(file.path.dropFirst(folder.path.count)) \($0)"
            }
          }
        }
      }
      #expect(count > 100)
      #expect(refused.isEmpty)
    }
  }

  /// The tables of verdicts.
  enum Tables {
    /// What is said where there are none.
    static let missing: Comment = "there are no tables in ../shared/conformance/validation"

    /// `../shared/conformance/validation`, from the package or from a worktree of it.
    static let folder: URL? = {
      let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
      return ["..", "../.."].map {
        package.appending(path: $0 + "/shared/conformance/validation").standardizedFileURL
      }.first { FileManager.default.fileExists(atPath: $0.path) }
    }()

    /// The rows of a table.
    static func rows(of name: String, list: String = "cases") throws -> [JSONValue] {
      let file = try #require(folder).appending(path: name + ".yaml")
      let text = try String(contentsOf: file, encoding: .utf8)
      let table = try YAML.value(in: text, limits: YAMLLimits(documentBytes: 16 << 20))
      return try #require(table[list]?.array)
    }

    /// How our verdict on an object differs from the one of its row; nil where it does not.
    ///
    /// In a file, an object must please the CRD and the webhook. From an API server come only
    /// objects that please the CRD.
    static func difference(_ row: JSONValue, _ resource: JSONValue) -> String? {
      guard let isValid = row["valid"]?.bool, let pleasesCRD = row["crd_accepts"]?.bool else {
        return "the row has no verdict"
      }
      let strict = verdict(on: resource, .strict)
      if (isValid && pleasesCRD) != strict.isAccepted {
        return "\(strict.isAccepted ? "accepted" : "refused") in a file: \(strict.found)"
      }
      guard pleasesCRD else { return nil }
      let lenient = verdict(on: resource, .lenient)
      if isValid != lenient.isAccepted {
        return "\(lenient.isAccepted ? "accepted" : "refused") from a server: \(lenient.found)"
      }
      let warns = lenient.found.contains { $0.severity == .warning }
      guard isValid, warns != (row["warning"]?.bool ?? false) else { return nil }
      return warns ? "warned of: \(lenient.found)" : "not warned of"
    }

    private static func verdict(
      on resource: JSONValue, _ strictness: ConfigurationObject.Strictness
    ) -> (isAccepted: Bool, found: [Diagnostic]) {
      let (object, diagnostics) = ConfigurationObject.decode(resource, strictness: strictness)
      let found = diagnostics + (object?.validate() ?? [])
      return (object != nil && !found.contains { $0.severity == .error }, found)
    }

    /// Whether a document is the object of a row.
    static func matches(_ document: JSONValue, _ row: JSONValue) -> Bool {
      ["apiVersion", "kind"].allSatisfy { document[$0] == row[$0] }
        && document["metadata"]?["name"] == row["name"]
    }

    /// Writes out long texts, which the tables abbreviate as `$repeat:<unit>:<count>`.
    static func expand(_ value: JSONValue) -> JSONValue {
      switch value {
      case .array(let elements): return .array(elements.map(expand))
      case .object(let object):
        return .object(
          JSONObject(distinct: object.members.map { .init($0.key, expand($0.value)) }))
      case .string(let text) where text.hasPrefix("$repeat:"):
        let halves = text.components(separatedBy: "$tail:")
        let parts = halves[0].dropFirst("$repeat:".count).components(separatedBy: ":")
        guard let count = parts.last.flatMap(Int.init) else { return value }
        let unit = parts.dropLast().joined(separator: ":")
        return .string(String(repeating: unit, count: count) + halves.dropFirst().joined())
      default: return value
      }
    }
  }
#endif
