// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import Foundation
import JSON
import Testing

/// Where the resources that a real istiod served lie: what `NAVARCH_CONFORMANCE` says, or beside
/// the package, or beside the folder of its worktrees.
private enum Corpus {
  static let files: [URL] = {
    let package = URL(filePath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let candidates =
      [ProcessInfo.processInfo.environment["NAVARCH_CONFORMANCE"]].compactMap { $0 }
      + ["..", "../.."].map { package.appending(path: $0 + "/shared/conformance").path }
    let root = candidates.map { URL(filePath: $0).appending(path: "xds").standardizedFileURL }
      .first { FileManager.default.fileExists(atPath: $0.path) }
    return root.map(dumps) ?? []
  }()

  private static func dumps(in root: URL) -> [URL] {
    let all = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
    let files = all.map { $0.compactMap { $0 as? URL } } ?? []
    return files.filter { $0.pathExtension == "json" && $0.path.contains("/expected/") }
      .sorted { $0.path < $1.path }
  }
}

@Suite struct ConformanceJSONTests {
  private static let types: [String: ResourceType] = [
    "cds": .cluster, "eds": .endpoint, "lds": .listener, "rds": .route, "sds": .secret,
    "ecds": .extensionConfig, "nds": .nameTable,
  ]

  @Test(
    .enabled(if: !Corpus.files.isEmpty, "there is no corpus in ../shared/conformance"),
    arguments: ["cds", "eds", "lds", "rds", "sds", "ecds", "nds"])
  func everyResourceReadsPacksUnpacksAndPrintsAsItWas(kind: String) throws {
    let type = try #require(Self.types[kind])
    var dumps: Set<[UInt8]> = []
    var distinct: Set<JSONValue> = []
    var failures: [String] = []
    for file in Corpus.files where file.lastPathComponent == kind + ".json" {
      let bytes = [UInt8](try Data(contentsOf: file))
      guard dumps.insert(bytes).inserted else { continue }
      let dump = try JSONValue(parsing: bytes)
      for member in dump.object?.members ?? [] where distinct.insert(member.value).inserted {
        guard let failure = Self.failure(of: member, type) else { continue }
        failures.append("\(member.key): \(failure)")
      }
    }
    #expect(!distinct.isEmpty)
    #expect(failures.isEmpty, "\(failures.count) of \(distinct.count)")
  }

  private static func failure(of member: JSONObject.Member, _ type: ResourceType) -> String? {
    do {
      let printed = try roundTrip(member.value, type: type, name: member.key)
      return member.value.difference(from: printed)
    } catch {
      return "\(error)"
    }
  }

  private static func roundTrip(
    _ json: JSONValue, type: ResourceType, name: String
  ) throws -> JSONValue {
    let message = try #require(MessageType(typeURL: type.url))
    let resource = try Arena.scope { arena in
      let slot = arena.make(message)
      try slot.read(json)
      return EncodedResource(type: type, name: name, message: slot)
    }
    return try Arena.scope { arena in try resource.message(in: arena).json() }
  }
}
