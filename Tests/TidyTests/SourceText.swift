// SPDX-License-Identifier: Apache-2.0

/// The text of a Swift file, told apart: what is code, what is comment, what is a literal.
///
/// Each view has the length of the text, so that lines agree; what it leaves out is blank.
struct SourceText: Sendable {
  /// The lines as they stand.
  let lines: [String]
  /// The lines with comments and literals blank.
  ///
  /// The code of an interpolation is code.
  let code: [String]
  /// The lines with everything blank but the comments.
  let comments: [String]
  /// All of the code, and all of the comments, to be searched as a whole; a zero follows each.
  let whole: (code: [UInt8], comments: [UInt8])

  /// Tells `text` apart.
  init(_ text: String) {
    var lexer = Lexer(bytes: Array(text.utf8))
    lexer.run()
    lines = splitLines(lexer.bytes)
    code = splitLines(lexer.code)
    comments = splitLines(lexer.comments)
    whole = (lexer.code + [0], lexer.comments + [0])
  }
}

private func splitLines(_ bytes: [UInt8]) -> [String] {
  var lines = bytes.split(separator: newline, omittingEmptySubsequences: false)
  if lines.last?.isEmpty == true { lines.removeLast() }
  return lines.map { String(decoding: $0, as: UTF8.self) }
}

private let newline = UInt8(ascii: "\n")
private let quote = UInt8(ascii: "\"")
private let backslash = UInt8(ascii: "\\")
private let pound = UInt8(ascii: "#")

/// Walks the text once; a stack holds the literals and interpolations that are open.
private struct Lexer {
  enum Scope {
    /// Code: the file, or an interpolation with its count of open parentheses.
    case code(parentheses: Int)
    /// A string literal, by the number of `#` before it.
    case literal(pounds: Int, isMultiline: Bool)
  }

  let bytes: [UInt8]
  var code: [UInt8]
  var comments: [UInt8]
  var position = 0
  var scopes = [Scope.code(parentheses: 0)]

  init(bytes: [UInt8]) {
    self.bytes = bytes
    code = bytes.map { $0 == newline ? newline : UInt8(ascii: " ") }
    comments = code
  }

  mutating func run() {
    while position < bytes.count {
      switch scopes[scopes.count - 1] {
      case .code(let parentheses): readCode(parentheses)
      case .literal(let pounds, let isMultiline): readLiteral(pounds, isMultiline)
      }
    }
  }

  func begins(with text: StaticString, at start: Int) -> Bool {
    guard start + text.utf8CodeUnitCount <= bytes.count else { return false }
    return text.withUTF8Buffer { zip($0, bytes[start...]).allSatisfy { $0 == $1 } }
  }

  func pounds(at start: Int) -> Int { bytes[start...].prefix { $0 == pound }.count }

  private mutating func readCode(_ parentheses: Int) {
    if begins(with: "//", at: position) { return readLineComment() }
    if begins(with: "/*", at: position) { return readBlockComment() }
    let byte = bytes[position]
    let pounds = byte == pound ? self.pounds(at: position) : 0
    let opening = position + pounds
    if opening < bytes.count, bytes[opening] == quote { return openLiteral(pounds, at: opening) }
    if scopes.count > 1, byte == UInt8(ascii: ")"), parentheses == 0 {
      scopes.removeLast()
    } else {
      code[position] = byte
      count(byte, parentheses)
    }
    position += 1
  }

  private mutating func count(_ byte: UInt8, _ parentheses: Int) {
    let change = byte == UInt8(ascii: "(") ? 1 : byte == UInt8(ascii: ")") ? -1 : 0
    scopes[scopes.count - 1] = .code(parentheses: parentheses + change)
  }

  private mutating func openLiteral(_ pounds: Int, at opening: Int) {
    let isMultiline = begins(with: "\"\"\"", at: opening)
    position = opening + (isMultiline ? 3 : 1)
    scopes.append(.literal(pounds: pounds, isMultiline: isMultiline))
  }

  private mutating func readLiteral(_ pounds: Int, _ isMultiline: Bool) {
    let byte = bytes[position]
    if byte == backslash, position + 1 < bytes.count, self.pounds(at: position + 1) >= pounds {
      let escaped = position + 1 + pounds
      position = escaped + 1
      if escaped < bytes.count, bytes[escaped] == UInt8(ascii: "(") {
        scopes.append(.code(parentheses: 0))
      }
    } else if closes(pounds, isMultiline) {
      position += (isMultiline ? 3 : 1) + pounds
      scopes.removeLast()
    } else {
      position += 1
    }
  }

  private func closes(_ pounds: Int, _ isMultiline: Bool) -> Bool {
    guard isMultiline ? begins(with: "\"\"\"", at: position) : bytes[position] == quote else {
      return false
    }
    return self.pounds(at: position + (isMultiline ? 3 : 1)) >= pounds
  }

  private mutating func readLineComment() {
    while position < bytes.count, bytes[position] != newline { copyComment() }
  }

  private mutating func readBlockComment() {
    var depth = 0
    repeat {
      let opens = begins(with: "/*", at: position)
      guard opens || begins(with: "*/", at: position) else {
        copyComment()
        continue
      }
      depth += opens ? 1 : -1
      copyComment()
      copyComment()
    } while depth > 0 && position < bytes.count
  }

  private mutating func copyComment() {
    comments[position] = bytes[position]
    position += 1
  }
}
