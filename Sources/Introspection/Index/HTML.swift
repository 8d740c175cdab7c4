// SPDX-License-Identifier: Apache-2.0

/// A piece of HTML; text that goes in is escaped, so that no page can be broken or scripted by it.
struct HTML: ExpressibleByStringInterpolation {
  /// The markup.
  private(set) var markup: String

  init(stringLiteral value: String) { markup = value }

  init(stringInterpolation: Interpolation) { markup = stringInterpolation.markup }

  /// Pieces one after the other.
  init(_ pieces: some Sequence<HTML>) { markup = pieces.map(\.markup).joined() }

  /// Nothing.
  static let empty: HTML = ""

  /// Escapes what is interpolated, unless it is HTML already.
  struct Interpolation: StringInterpolationProtocol {
    var markup = ""

    init(literalCapacity: Int, interpolationCount: Int) {}

    mutating func appendLiteral(_ literal: String) { markup += literal }

    mutating func appendInterpolation(_ html: HTML) { markup += html.markup }

    mutating func appendInterpolation(_ text: some StringProtocol) {
      markup += escaped(Redaction.redacted(String(text)))
    }

    mutating func appendInterpolation(_ number: Int) { markup += String(number) }
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }
}
