// SPDX-License-Identifier: Apache-2.0

/// Text that belongs to the place where someone worked, not to the project.
///
/// The words are put together here, so that this file does not hold them.
struct Workplace: Sendable {
  /// What must not stand in a file.
  let words: [String]

  /// The words for a package that lies at `root`: its own path, and what workplaces leave behind.
  init(root: String) {
    words = [
      root, "/wo" + "rk/", "/tmp/" + "istio", "BRIEF" + ".md",
    ]
    .filter { $0.count > 1 }
  }

  /// Where such a word stands in `text`.
  func violations(in text: String, path: String) -> [Violation] {
    guard words.contains(where: text.contains) else { return [] }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    return lines.enumerated().flatMap { index, line in
      words.filter { line.contains($0) }.map { word in
        let message = "`\(word)` is a word of the workplace: say it for every reader"
        return Violation(path: path, line: index + 1, message: message)
      }
    }
  }
}
