// SPDX-License-Identifier: Apache-2.0

public import JSON

/// Why JSON is not the message that it was said to be.
public struct ProtobufJSONError: Error, Hashable, CustomStringConvertible {
  /// The value that is wrong.
  public var path: FieldPath
  /// What is wrong with it, to be read after the path.
  public var reason: String

  /// An error at a path.
  public init(path: FieldPath = [], reason: String) {
    self.path = path
    self.reason = reason
  }

  /// One sentence.
  public var description: String { path.isRoot ? reason : "\(path): \(reason)" }

  /// A value other than the one expected, which is named with its article.
  init(expected: String, found: JSONValue) {
    self.init(reason: "expected \(expected), found \(found.kindAndText)")
  }

  /// The same error seen from one step above.
  func inside(_ step: FieldPath.Element) -> ProtobufJSONError {
    ProtobufJSONError(path: FieldPath([step] + path.elements), reason: reason)
  }
}

extension JSONValue {
  private static var longestQuote: Int { 60 }

  /// The value as an error names it.
  fileprivate var kindAndText: String {
    switch self {
    case .null: "null"
    case .bool, .integer, .double: text()
    case .string(let text) where text.count > JSONValue.longestQuote:
      "the text " + JSONValue.string(text.prefix(JSONValue.longestQuote) + "…").text()
    case .string: "the text " + text()
    case .array: "a list"
    case .object: "an object"
    }
  }
}

/// Runs `body` so that what it throws names the step that leads to it.
func within<R>(
  _ step: FieldPath.Element, _ body: () throws(ProtobufJSONError) -> R
) throws(ProtobufJSONError) -> R {
  do {
    return try body()
  } catch {
    throw error.inside(step)
  }
}
