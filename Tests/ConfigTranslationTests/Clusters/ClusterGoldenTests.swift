// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import EnvoyAPI
import Foundation
import JSON
import Testing

/// Compares all clusters and load assignments of a small mesh with files.
///
///     make golden
struct ClusterGoldenTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Golden/clusters")
  static let doesRewrite =
    ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil

  @Test(arguments: [false, true]) func isAsBefore(isPlain: Bool) throws {
    let input = try String(
      contentsOf: Self.folder.appendingPathComponent("input.yaml"), encoding: .utf8)
    let context = ClusterMesh(input).proxy(isPlain: isPlain)
    let clusters = context.clusters()
    let assignments = clusters.compactMap(ClusterReferences.endpoints)
      .compactMap(context.endpoints)
    let suffix = isPlain ? "-plain" : ""
    try compare(clusters, "clusters\(suffix).json")
    try compare(assignments, "endpoints\(suffix).json")
  }

  private func compare(_ resources: [EncodedResource], _ file: String) throws {
    let members = resources.map { JSONObject.Member($0.name, $0.json()) }
    let actual = JSONValue.object(JSONObject(distinct: members)).text(.pretty) + "\n"
    let path = Self.folder.appendingPathComponent(file)
    if Self.doesRewrite { try Data(actual.utf8).write(to: path) }
    let expected = try String(contentsOf: path, encoding: .utf8)
    #expect(
      actual == expected,
      """
      \(file) differs; if that is meant:
      make golden
      """)
  }
}
