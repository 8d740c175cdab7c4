// SPDX-License-Identifier: Apache-2.0

/// Where a value stands in a document: `spec.http[0].match[1].uri`.
///
/// Every error of configuration names the field by one. Printed, a path is unambiguous: a key that
/// is not a plain word is written as a JSON string in brackets, `metadata.labels["a.b/c"]`.
public struct FieldPath: Hashable, Sendable {
  /// One step down.
  public enum Element: Hashable, Sendable {
    /// To a member of an object.
    case key(String)
    /// To an element of a list, counted from 0.
    case index(Int)
  }

  /// The steps from the root of the document.
  public var elements: [Element]

  /// A path of `elements`; without any, the root of the document.
  public init(_ elements: [Element] = []) { self.elements = elements }

  /// This path and one step more, to the member `key`.
  public func appending(key: String) -> FieldPath { FieldPath(elements + [.key(key)]) }

  /// This path and one step more, to the element `index`, counted from 0.
  public func appending(index: Int) -> FieldPath { FieldPath(elements + [.index(index)]) }

  /// Whether this is the document itself.
  public var isRoot: Bool { elements.isEmpty }
}

extension FieldPath: CustomStringConvertible {
  /// The path as an operator reads it; the root is the empty text.
  public var description: String {
    var text = ""
    for element in elements {
      switch element {
      case .index(let index): text += "[\(index)]"
      case .key(let key) where FieldPath.isWord(key): text += text.isEmpty ? key : "." + key
      case .key(let key): text += "[" + JSONValue.string(key).text() + "]"
      }
    }
    return text
  }

  /// Whether a key may stand in a path unquoted.
  private static func isWord(_ key: String) -> Bool {
    !key.isEmpty
      && key.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
          UInt8(ascii: "@"), UInt8(ascii: "$"):
          true
        default: false
        }
      }
  }
}

extension FieldPath: ExpressibleByArrayLiteral {
  /// A path of the steps listed: `["spec", "http", 0]`.
  public init(arrayLiteral elements: Element...) { self.init(elements) }
}

extension FieldPath.Element: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
  /// A step to the member `value`.
  public init(stringLiteral value: String) { self = .key(value) }
  /// A step to the element `value`, counted from 0.
  public init(integerLiteral value: Int) { self = .index(value) }
}
