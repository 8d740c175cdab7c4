// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A file of the package, by its path from the package's root.
struct SourceFile: Sendable {
  /// The path, for example `Sources/JSON/JSONValue.swift`.
  let path: String
  /// The text, told apart as Swift.
  let text: SourceText

  /// A file of `text` at `path`.
  init(path: String, _ text: String) {
    self.path = path
    self.text = SourceText(text)
  }

  /// The folder below Sources or Tests: a room's name, or that of its tests.
  var room: String {
    let parts = path.split(separator: "/")
    return parts.count > 2 ? String(parts[1]) : ""
  }

  /// Whether the file stands in Tests.
  var isTest: Bool { path.hasPrefix("Tests/") }
}

/// The files that people wrote: generated folders, builds and caches are left out.
enum SourceTree {
  /// The root of the package.
  static let root = String(#filePath.dropLast("/Tests/TidyTests/SourceTree.swift".count))

  /// The Swift files of Sources and Tests.
  static let swift: [SourceFile] = paths.filter { $0.hasSuffix(".swift") && isInHouse($0) }
    .compactMap { path in read(path).map { SourceFile(path: path, $0) } }

  /// The paths of all files, sorted.
  static let paths: [String] = {
    guard let walk = FileManager.default.enumerator(atPath: root) else { return [] }
    var paths: [String] = []
    while let path = walk.nextObject() as? String {
      let name = path.split(separator: "/").last.map(String.init) ?? path
      let type = walk.fileAttributes?[.type] as? FileAttributeType
      if skipped.contains(name) {
        if type == .typeDirectory { walk.skipDescendants() }
      } else if type == .typeRegular {
        paths.append(path)
      }
    }
    return paths.sorted()
  }()

  /// The text of the file at `path`; nil if it is no UTF-8 text.
  static func read(_ path: String) -> String? {
    try? String(contentsOfFile: root + "/" + path, encoding: .utf8)
  }

  private static func isInHouse(_ path: String) -> Bool {
    path.hasPrefix("Sources/") || path.hasPrefix("Tests/")
  }

  /// As .gitignore has them, with Git's own.
  private static let skipped: Set = [
    ".git", ".build", ".venv", ".swiftpm", "__pycache__", "Generated", "generated",
  ]
}
