// SPDX-License-Identifier: Apache-2.0

/// A word that the house does without, and what it says instead.
struct BannedWord: Sendable, CustomStringConvertible {
  enum Place: Sendable { case code, comments }

  let word: String
  let instead: String
  var place = Place.code
  /// Only files whose path begins so are looked at.
  var under = ""
  /// The files that may use it.
  var allowed: [String] = []

  var description: String { word }

  /// The places in `file` where the word stands.
  func violations(in file: SourceFile) -> [Violation] {
    guard file.path.hasPrefix(under), !allowed.contains(where: file.path.hasPrefix) else {
      return []
    }
    let whole = place == .code ? file.text.whole.code : file.text.whole.comments
    guard holds(whole, word) else { return [] }
    let lines = place == .code ? file.text.code : file.text.comments
    return lines.enumerated().flatMap { index, line in
      occurrences(of: word, in: line).filter { !isMember(of: line, at: $0) }
        .map { _ in
          Violation(path: file.path, line: index + 1, message: "`\(word)`: \(instead)")
        }
    }
  }

  /// Whether a function's name stands there as a member's, or where it is declared: not Swift's own.
  private func isMember(of line: String, at offset: Int) -> Bool {
    guard word == "print(" else { return false }
    let before = line.utf8.prefix(offset)
    return before.last == UInt8(ascii: ".") || before.suffix(5).elementsEqual("func ".utf8)
  }
}

extension BannedWord {
  /// The words, in the order in which STYLE.md would explain them.
  static let all: [BannedWord] = [
    BannedWord(word: "print(", instead: "log by a Logger; a command writes to its output"),
    BannedWord(word: "debugPrint(", instead: "log by a Logger"),
    BannedWord(word: "try!", instead: "throw, or record the error in a test"),
    BannedWord(word: "as!", instead: "use `as?` and say what else there was"),
    BannedWord(word: "Task {", instead: scope, allowed: looseTasks),
    BannedWord(word: "Task(", instead: scope, allowed: looseTasks),
    BannedWord(word: "Task.detached", instead: scope, allowed: looseTasks),
    BannedWord(word: ".shared", instead: "pass the one that is meant: no singletons"),
    BannedWord(word: "Thread.sleep", instead: "wait on a clock that is passed in"),
    BannedWord(word: "Task.sleep", instead: "drive a manual clock", under: "Tests/"),
    BannedWord(word: "usleep(", instead: "wait for what is meant to happen"),
    BannedWord(word: "fatalError(", instead: "throw, or a precondition that names what must hold"),
    BannedWord(word: "import Foundation", instead: foundation, under: "Sources/"),
    BannedWord(word: "import FoundationEssentials", instead: foundation, under: "Sources/"),
    BannedWord(word: "TODO", instead: "do it, or open an issue", place: .comments),
    BannedWord(word: "FIXME", instead: "mend it, or open an issue", place: .comments),
    BannedWord(word: "XXX", instead: "mend it, or open an issue", place: .comments),
  ]

  private static let scope = "run it in a task group, so that it ends with its scope"
  private static let foundation = "the standard library or Glibc will do"
  /// The scope functions that own the tasks they start.
  private static let looseTasks = ["Sources/Lifecycle/ServiceGroup.swift"]
}

/// Where `file` unwraps by force, or declares what unwraps itself.
func forcedUnwraps(in file: SourceFile) -> [Violation] {
  file.text.code.enumerated().flatMap { index, line -> [Violation] in
    guard line.utf8.contains(UInt8(ascii: "!")) else { return [] }
    let bytes = Array(line.utf8)
    return bytes.indices.filter { isForcedUnwrap(bytes, at: $0) }.map { _ in
      Violation(path: file.path, line: index + 1, message: "`!`: bind it, or throw what is missing")
    }
  }
}

private func isForcedUnwrap(_ line: [UInt8], at index: Int) -> Bool {
  guard line[index] == UInt8(ascii: "!"), index > 0 else { return false }
  let before = line[index - 1]
  guard isIdentifier(before) || ")]>?}`".utf8.contains(before) else { return false }
  let word = line[..<index].reversed().prefix(while: isIdentifier).reversed()
  guard !["try", "as"].contains(where: { word.elementsEqual($0.utf8) }) else { return false }
  let isUnequal = index + 1 < line.count && line[index + 1] == UInt8(ascii: "=")
  return !isUnequal
}
