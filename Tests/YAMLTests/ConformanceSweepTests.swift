// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Testing
import YAML

/// Reads what users apply: the conformance data next to the package, or where
/// `NAVARCH_CONFORMANCE` says.
@Suite struct ConformanceSweepTests {
  static let folder: String? = {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path
    let candidates =
      [ProcessInfo.processInfo.environment["NAVARCH_CONFORMANCE"]].compactMap { $0 }
      + [root + "/../shared/conformance", root + "/../../shared/conformance"]
    return candidates.first { FileManager.default.fileExists(atPath: $0 + "/samples") }
  }()

  @Test(.enabled(if: folder != nil, "skipped: not there"))
  func everyInputOfTheConformanceDataLoads() throws {
    let folder = try #require(Self.folder)
    let paths = try #require(FileManager.default.enumerator(atPath: folder))
      .compactMap { $0 as? String }.filter { path in
        (path.hasPrefix("samples/") && (path.hasSuffix(".yaml") || path.hasSuffix(".yml")))
          || (path.hasPrefix("xds/") && path.hasSuffix("/input.yaml"))
      }
    #expect(paths.count > 300)
    for path in paths {
      let bytes = try #require(FileManager.default.contents(atPath: folder + "/" + path))
      let stream = YAML.documents(in: [UInt8](bytes))
      #expect(stream.errors.isEmpty, "\(path): \(stream.errors)")
      #expect(!stream.documents.isEmpty, "\(path)")
      for document in stream.documents {
        let again = YAML.documents(in: YAML.text(of: document.value))
        #expect(again.documents.map(\.value) == [document.value], "\(path), line \(document.line)")
      }
    }
  }
}
