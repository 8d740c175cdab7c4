// SPDX-License-Identifier: Apache-2.0

#if canImport(YAML)
  import Configuration
  import Foundation
  import JSON
  import Testing
  import YAML

  /// Objects with the verdict of istiod's webhook, where the tables lie beside the repository.
  @Suite struct ValidationTablesTests {
    /// A kind's table, and the rows where we judge differently, with the reason.
    private static let tables: [(kind: String, differing: Set<String>)] = [
      ("destinationrule", []),
      ("gateway", []),
      ("serviceentry", []),
      ("sidecar", []),
      (
        "virtualservice",
        [
          // Envoy refuses 600, so that it must not get there.
          "virtualservice/httpstatus-testvalidatehttpstatus-2",
          // Regular expressions are compiled where they are translated.
          "virtualservice/httproute-regex-without-headers-match-2",
          "virtualservice/uriregexrewrite-uriregexrewrite-invalid-regex-patterns",
        ]
      ),
      ("workloadentry", []),
    ]

    /// `../shared/conformance/validation`, from the package or from a worktree of it.
    private static let folder: URL? = {
      let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
      return ["..", "../.."].map {
        package.appending(path: $0 + "/shared/conformance/validation").standardizedFileURL
      }.first { FileManager.default.fileExists(atPath: $0.path) }
    }()

    @Test(
      .enabled(if: folder != nil, "there are no tables in ../shared/conformance/validation"),
      arguments: tables)
    func agreesWithIstiod(kind: String, differing: Set<String>) throws {
      let file = try #require(Self.folder).appending(path: kind + ".yaml")
      let text = try String(contentsOf: file, encoding: .utf8)
      let table = try YAML.value(in: text, limits: YAMLLimits(documentBytes: 16 << 20))
      let rows = try #require(table["cases"]?.array)
      var missed: Set<String> = []
      for row in rows where row["needs_newer_api"] == nil {
        guard let id = row["id"]?.string, let valid = row["valid"]?.bool,
          let resource = row["resource"]
        else { continue }
        let (object, diagnostics) = ConfigurationObject.decode(
          Self.expand(resource), strictness: .lenient)
        let found = diagnostics + (object?.validate() ?? [])
        let accepted = object != nil && !found.contains { $0.severity == .error }
        if accepted != valid { missed.insert(id) }
      }
      #expect(
        missed == differing, "\(rows.count - missed.count) of \(rows.count) \(kind) rows agree")
    }

    /// Writes out long texts, which the tables abbreviate as `$repeat:<unit>:<count>`.
    private static func expand(_ value: JSONValue) -> JSONValue {
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
