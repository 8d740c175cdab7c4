// SPDX-License-Identifier: Apache-2.0

/// Where a value stands inside a document: `spec.http[0].match`.
public struct FieldPath: Hashable, Sendable, CustomStringConvertible {
  /// One step down into a value.
  public enum Step: Hashable, Sendable {
    /// To the member of an object that has this key.
    case key(String)
    /// To the element of a list at this index.
    case index(Int)
  }

  /// The steps from the outermost value.
  public var steps: [Step]

  /// The path of the outermost value.
  public init() { steps = [] }

  /// The path that takes `steps` in order.
  public init(_ steps: [Step]) { self.steps = steps }

  /// The path of the member `key` of the value at this path.
  public func appending(key: String) -> FieldPath { FieldPath(steps + [.key(key)]) }

  /// The path of the element at `index` of the value at this path.
  public func appending(index: Int) -> FieldPath { FieldPath(steps + [.index(index)]) }

  /// The path as an operator reads it; a key that is no plain word is quoted: `labels["a.b/c"]`.
  public var description: String {
    var text = ""
    for step in steps {
      switch step {
      case .index(let index): text += "[\(index)]"
      case .key(let key) where Self.isPlain(key): text += text.isEmpty ? key : "." + key
      case .key(let key): text += "[\"\(key)\"]"
      }
    }
    return text
  }

  private static func isPlain(_ key: String) -> Bool {
    !key.isEmpty
      && key.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
          UInt8(ascii: "$"), UInt8(ascii: "@"):
          true
        default: false
        }
      }
  }
}
