// SPDX-License-Identifier: Apache-2.0

/// Whether a text is an expression of the Common Expression Language, by its grammar alone.
///
/// What its names mean is for Envoy to say.
struct CELSyntax {
  private enum Token: Hashable {
    case name(String)
    case literal
    case sign(String)
  }

  /// The deepest nesting; what is deeper counts as wrong.
  private static let deepest = 64

  private var tokens: ArraySlice<Token> = []
  private var depth = 0

  /// Whether `text` is an expression.
  static func isExpression(_ text: String) -> Bool {
    var scanner = CELScanner(text)
    var tokens: [Token] = []
    while let token = scanner.next() {
      switch token {
      case .name(let name): tokens.append(.name(name))
      case .literal: tokens.append(.literal)
      case .sign(let sign): tokens.append(.sign(sign))
      case .nothing: return false
      }
    }
    var syntax = CELSyntax()
    syntax.tokens = tokens[...]
    return syntax.expression() && syntax.tokens.isEmpty
  }

  private mutating func take(_ signs: String...) -> Bool {
    guard case .sign(let sign)? = tokens.first, signs.contains(sign) else { return false }
    tokens.removeFirst()
    return true
  }

  private mutating func takeName() -> Bool {
    guard case .name(let name)? = tokens.first, !Self.reserved.contains(name) else { return false }
    tokens.removeFirst()
    return true
  }

  private static let reserved: Set<String> = [
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop",
    "package", "namespace", "return", "var", "void", "while", "in",
  ]

  private mutating func expression() -> Bool {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest, operation() else { return false }
    guard take("?") else { return true }
    return operation() && take(":") && expression()
  }

  /// Operands with any operators between them: precedence does not decide what is allowed.
  private mutating func operation() -> Bool {
    repeat {
      guard unary() else { return false }
      if tokens.first == .name("in") {
        tokens.removeFirst()
        continue
      }
      guard take("||", "&&", "<", "<=", ">=", ">", "==", "!=", "+", "-", "*", "/", "%") else {
        return true
      }
    } while true
  }

  private mutating func unary() -> Bool {
    if take("!") {
      while take("!") {}
    } else if take("-") {
      while take("-") {}
    }
    guard primary() else { return false }
    while true {
      if take(".") {
        _ = take("?")
        guard takeName(), arguments() else { return false }
      } else if take("[") {
        _ = take("?")
        guard expression(), take("]") else { return false }
      } else if take("{") {
        guard entries() else { return false }
      } else {
        return true
      }
    }
  }

  private mutating func primary() -> Bool {
    if tokens.first == .literal {
      tokens.removeFirst()
      return true
    }
    if take("(") { return expression() && take(")") }
    if take("[") { return list(until: "]") }
    if take("{") { return entries() }
    _ = take(".")
    return takeName() && arguments()
  }

  private mutating func arguments() -> Bool {
    guard take("(") else { return true }
    if take(")") { return true }
    repeat {
      guard expression() else { return false }
    } while take(",")
    return take(")")
  }

  private mutating func list(until end: String) -> Bool {
    while !take(end) {
      _ = take("?")
      guard expression() else { return false }
      if !take(",") { return take(end) }
    }
    return true
  }

  private mutating func entries() -> Bool {
    while !take("}") {
      _ = take("?")
      guard expression(), take(":"), expression() else { return false }
      if !take(",") { return take("}") }
    }
    return true
  }
}

/// Cuts an expression into names, literals and signs.
private struct CELScanner {
  enum Token {
    case name(String)
    case literal
    case sign(String)
    /// No token begins here.
    case nothing
  }

  private var rest: Substring

  init(_ text: String) { rest = text[...] }

  mutating func next() -> Token? {
    skipSpace()
    guard let first = rest.unicodeScalars.first else { return nil }
    if let literal = string() { return literal ? .literal : .nothing }
    if Self.isDigit(first) || first == "." && second.map(Self.isDigit) ?? false {
      return number() ? .literal : .nothing
    }
    if Self.isLetter(first) { return word() }
    for sign in ["||", "&&", "<=", ">=", "==", "!="] where rest.hasPrefix(sign) {
      rest = rest.dropFirst(2)
      return .sign(sign)
    }
    guard "<>+-*/%!?:.,()[]{}".unicodeScalars.contains(first) else { return .nothing }
    rest.unicodeScalars.removeFirst()
    return .sign(String(first))
  }

  private var second: Unicode.Scalar? { rest.unicodeScalars.dropFirst().first }

  private mutating func skipSpace() {
    while let first = rest.unicodeScalars.first {
      if " \t\n\r\u{C}".unicodeScalars.contains(first) {
        rest.unicodeScalars.removeFirst()
      } else if rest.hasPrefix("//") {
        rest = rest.drop { $0 != "\n" }
      } else {
        return
      }
    }
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
  private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_"
  }

  private mutating func word() -> Token {
    let name = rest.prefix {
      $0.unicodeScalars.allSatisfy { Self.isLetter($0) || Self.isDigit($0) }
    }
    rest = rest.dropFirst(name.count)
    return ["true", "false", "null"].contains(name) ? .literal : .name(String(name))
  }

  private mutating func digits() -> Int {
    let count = rest.prefix { ("0"..."9").contains($0) }.count
    rest = rest.dropFirst(count)
    return count
  }

  private mutating func number() -> Bool {
    if rest.hasPrefix("0x") || rest.hasPrefix("0X") {
      let count = rest.dropFirst(2).prefix { $0.isHexDigit }.count
      rest = rest.dropFirst(2 + count)
      if rest.hasPrefix("u") || rest.hasPrefix("U") { rest = rest.dropFirst() }
      return count > 0
    }
    var isWhole = true
    _ = digits()
    if rest.hasPrefix("."), second.map(Self.isDigit) ?? false {
      rest = rest.dropFirst()
      _ = digits()
      isWhole = false
    }
    if rest.hasPrefix("e") || rest.hasPrefix("E") {
      rest = rest.dropFirst()
      if rest.hasPrefix("+") || rest.hasPrefix("-") { rest = rest.dropFirst() }
      guard digits() > 0 else { return false }
      isWhole = false
    }
    if isWhole, rest.hasPrefix("u") || rest.hasPrefix("U") { rest = rest.dropFirst() }
    return true
  }

  /// Takes a string or bytes; nil where none begins, false where it does not end.
  private mutating func string() -> Bool? {
    let prefix = rest.prefix(2).prefix { "rRbB".contains($0) }
    let body = rest.dropFirst(prefix.count)
    guard let quote = body.first, quote == "'" || quote == "\"" else { return nil }
    let triple = String(repeating: quote, count: 3)
    let end = body.hasPrefix(triple) ? triple : String(quote)
    let isRaw = prefix.contains { "rR".contains($0) }
    rest = body.dropFirst(end.count)
    while !rest.isEmpty {
      if rest.hasPrefix(end) {
        rest = rest.dropFirst(end.count)
        return true
      }
      if rest.first == "\n", end.count == 1 { return false }
      if rest.first == "\\", !isRaw {
        rest = rest.dropFirst()
        guard let escaped = rest.first, "abfnrtv\\?\"'`xXuU01234567".contains(escaped) else {
          return false
        }
      }
      rest = rest.dropFirst()
    }
    return false
  }
}
