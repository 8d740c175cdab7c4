// SPDX-License-Identifier: Apache-2.0

public import JSON

extension YAML {
  /// A value as a YAML document in block style, ended by a line break.
  ///
  /// What is written reads back equal. Texts are plain where no reader, YAML 1.1's included, could
  /// take them for anything else; texts of several lines are blocks where that is possible.
  public static func text(
    of value: JSONValue, keyOrder: JSONFormat.KeyOrder = .written
  ) -> String {
    var printer = YAMLPrinter(keyOrder: keyOrder)
    printer.writeRoot(value)
    return printer.output
  }

  /// Values as a stream of documents, with `---` between them.
  public static func text(
    ofDocuments values: [JSONValue], keyOrder: JSONFormat.KeyOrder = .written
  ) -> String {
    values.map { text(of: $0, keyOrder: keyOrder) }.joined(separator: "---\n")
  }
}

/// The writer of block style.
private struct YAMLPrinter {
  let keyOrder: JSONFormat.KeyOrder
  var output = ""

  mutating func writeRoot(_ value: JSONValue) {
    switch value {
    case .object(let object) where !object.isEmpty: write(object, indent: 0)
    case .array(let elements) where !elements.isEmpty: write(elements, indent: 0)
    default: output += ScalarPrinter.text(of: value) + "\n"
    }
  }

  /// Members, the first one where the output stands, the others on lines of their own.
  private mutating func write(_ object: JSONObject, indent: Int) {
    for (index, member) in object.members(in: keyOrder).enumerated() {
      if index > 0 { output += spaces(indent) }
      writeKey(member.key, indent: indent)
      switch member.value {
      case .object(let object) where !object.isEmpty:
        output += "\n" + spaces(indent + 2)
        write(object, indent: indent + 2)
      case .array(let elements) where !elements.isEmpty:
        output += "\n" + spaces(indent)
        write(elements, indent: indent)
      default: writeScalar(member.value, indent: indent)
      }
    }
  }

  private mutating func write(_ elements: [JSONValue], indent: Int) {
    for (index, element) in elements.enumerated() {
      if index > 0 { output += spaces(indent) }
      output += "-"
      switch element {
      case .object(let object) where !object.isEmpty:
        output += " "
        write(object, indent: indent + 2)
      case .array(let elements) where !elements.isEmpty:
        output += " "
        write(elements, indent: indent + 2)
      default: writeScalar(element, indent: indent)
      }
    }
  }

  /// A key and its colon; a long one needs the explicit form, since YAML caps the other.
  private mutating func writeKey(_ key: String, indent: Int) {
    let text = ScalarPrinter.inline(key)
    output += text.utf8.count < 1000 ? text + ":" : "? " + text + "\n" + spaces(indent) + ":"
  }

  private mutating func writeScalar(_ value: JSONValue, indent: Int) {
    if case .string(let text) = value, ScalarPrinter.isBlock(text) {
      writeBlock(text, indent: indent + 2)
    } else {
      output += " " + ScalarPrinter.text(of: value) + "\n"
    }
  }

  private mutating func writeBlock(_ text: String, indent: Int) {
    var lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
    if text.utf8.last == 0x0A {
      output += " |\n"
      lines.removeLast()
    } else {
      output += " |-\n"
    }
    for line in lines {
      if !line.isEmpty { output += spaces(indent) + String(decoding: line, as: UTF8.self) }
      output += "\n"
    }
  }

  private func spaces(_ count: Int) -> String { String(repeating: " ", count: count) }
}
