// SPDX-License-Identifier: Apache-2.0

/// How far above a promise its reason may stand, in lines.
private let reach = 4

/// Where `file` promises the compiler safety without saying why it holds.
func unexplainedPromises(in file: SourceFile) -> [Violation] {
  file.text.code.indices.flatMap { index -> [Violation] in
    let nearby = file.text.comments[max(0, index - reach)...index]
    guard !nearby.contains(where: { $0.contains("SAFETY:") }) else { return [] }
    return ["@unchecked Sendable", "nonisolated(unsafe)"]
      .filter { file.text.code[index].contains($0) }
      .map { promise in
        let message =
          "`\(promise)` without `// SAFETY:` in the \(reach) lines above: say why it holds"
        return Violation(path: file.path, line: index + 1, message: message)
      }
  }
}

/// Whether `text` begins with the licence; the line that names an interpreter or a tool may precede.
func missingLicence(in lines: [String], path: String) -> [Violation] {
  guard !lines.prefix(2).contains(where: { $0.contains("SPDX-License-Identifier: Apache-2.0") })
  else { return [] }
  let message = "begin with `SPDX-License-Identifier: Apache-2.0` in a comment"
  return [Violation(path: path, line: 1, message: message)]
}

/// The public declarations of `file` without a comment that says what they are.
///
/// swift-format asks the same; this one needs no tool.
func undocumented(in file: SourceFile) -> [Violation] {
  file.text.code.indices.filter { declaresPublic(file.text.code[$0]) }
    .filter { !isDocumented(at: $0, in: file.text) }
    .map { index in
      Violation(path: file.path, line: index + 1, message: "say in `///` what this is")
    }
}

private func declaresPublic(_ line: String) -> Bool {
  let words = line.split(separator: " ")
  guard let position = words.firstIndex(of: "public") else {
    return false
  }
  let isFirst = words[..<position].allSatisfy {
    $0.hasPrefix("@") || $0 == "nonisolated" || $0 == "static"
  }
  return isFirst && !words.contains("import") && !words.contains("extension")
}

private func isDocumented(at index: Int, in text: SourceText) -> Bool {
  var above = index - 1
  while above >= 0, text.lines[above].drop(while: { $0 == " " }).hasPrefix("@") { above -= 1 }
  return above >= 0 && text.comments[above].drop(while: { $0 == " " }).hasPrefix("///")
}
