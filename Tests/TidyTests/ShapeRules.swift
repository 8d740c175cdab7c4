// SPDX-License-Identifier: Apache-2.0

/// The most lines that a file may have.
let longestFile = 600
/// The most lines that a function may have, from its first line to its closing brace.
let longestFunction = 70

/// Whether `file` is longer than a reader should have to hold in mind.
func fileLength(of file: SourceFile) -> [Violation] {
  let count = file.text.lines.count
  guard count > longestFile else { return [] }
  let message = "\(count) lines, over \(longestFile): one idea a file"
  return [Violation(path: file.path, line: 1, message: message)]
}

/// The functions of `file` that are too long.
func functionLengths(in file: SourceFile) -> [Violation] {
  functions(in: file.text).filter { $0.lineCount > longestFunction }.map { function in
    let message = "\(function.lineCount) lines, over \(longestFunction): name its parts"
    return Violation(path: file.path, line: function.firstLine, message: message)
  }
}

/// A function with a body: its lines, counted from 1.
struct FunctionSpan: Equatable {
  let firstLine: Int
  let lastLine: Int

  var lineCount: Int { lastLine - firstLine + 1 }
}

/// The functions, initialisers, subscripts and computed properties of a text, nested ones too.
func functions(in text: SourceText) -> [FunctionSpan] {
  var reader = FunctionReader()
  for (index, line) in text.code.enumerated() { reader.read(line, number: index + 1) }
  return reader.spans.sorted { $0.firstLine < $1.firstLine }
}

/// Counts braces; a brace outside parentheses that follows `func` and its like opens a body.
private struct FunctionReader {
  private static let keywords: Set = ["func", "init", "deinit", "subscript", "var"]

  /// A declaration whose body has not begun.
  private struct Declaration {
    let line: Int
    /// The parentheses around it.
    let parentheses: Int
    /// Whether it is a property, whose body begins on its own line or is none.
    let isProperty: Bool
  }

  var spans: [FunctionSpan] = []
  /// For each open brace, the first line of the function whose body it opens.
  private var braces: [Int?] = []
  private var parentheses = 0
  private var pending: Declaration?

  mutating func read(_ line: String, number: Int) {
    var word: [UInt8] = []
    var previous = UInt8(ascii: " ")
    for byte in line.utf8 + [UInt8(ascii: " ")] {
      if isIdentifier(byte) {
        if word.isEmpty && (previous == UInt8(ascii: ".") || previous == UInt8(ascii: "`")) {
          word = [previous]  // A member's name: no keyword.
        }
        word.append(byte)
        continue
      }
      note(String(decoding: word, as: UTF8.self), number)
      word = []
      previous = byte
      count(byte, number)
    }
    if pending?.isProperty == true { pending = nil }
  }

  private mutating func note(_ word: String, _ number: Int) {
    guard Self.keywords.contains(word) else { return }
    pending = Declaration(line: number, parentheses: parentheses, isProperty: word == "var")
  }

  private mutating func count(_ byte: UInt8, _ number: Int) {
    switch byte {
    case UInt8(ascii: "("): parentheses += 1
    case UInt8(ascii: ")"): parentheses -= 1
    case UInt8(ascii: "="):
      if pending?.isProperty == true { pending = nil }  // A value, perhaps with a closure in it.
    case UInt8(ascii: "{"):
      if let pending, pending.parentheses == parentheses {
        braces.append(pending.line)
        self.pending = nil
      } else {
        braces.append(nil)
      }
    case UInt8(ascii: "}"):
      if let first = braces.popLast() ?? nil {
        spans.append(FunctionSpan(firstLine: first, lastLine: number))
      }
      if pending?.parentheses == parentheses { pending = nil }  // A requirement without body.
    default: break
    }
  }
}
