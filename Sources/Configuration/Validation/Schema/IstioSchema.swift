// SPDX-License-Identifier: Apache-2.0

import JSON
import RegularExpression

/// What Istio's CRDs ask of an object, which an API server checks before any webhook.
///
/// Before files stands no API server, so that objects of files are checked here. The table is
/// `proto/istio/schema.txt`. Members that it does not know are left to the decoder.
struct IstioSchema: Sendable {
  /// The schema that objects of files must keep to.
  static let standard = IstioSchema(reading: text)

  private var nodes: [SchemaNode] = []
  /// The node of a kind, by `group kind`.
  private var kinds: [String: Int] = [:]

  /// A table: a line a kind, and a line a node.
  init(reading text: String) {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 4, words[0] == "kind" {
        kinds["\(words[1]) \(words[2])"] = Int(words[3])
      } else {
        nodes.append(SchemaNode(words.dropFirst()))
      }
    }
  }

  /// What of `object`, which is of `kind`, the schema refuses.
  func violations(in object: JSONObject, of kind: ResourceKind) -> [Diagnostic] {
    guard let node = kinds["\(kind.group) \(kind.kind)"] else { return [] }
    var checker = Checker()
    check(.object(object), nodes[node], FieldPath(), &checker)
    return checker.diagnostics
  }

  private func check(
    _ value: JSONValue, _ node: SchemaNode, _ path: FieldPath, _ checker: inout Checker
  ) {
    switch value {
    case .null where node.isNullable || node.type == .any: return
    case .array(let elements) where node.type == .array:
      node.check(elements, path, &checker)
      guard let element = node.members["[]"] else { return }
      for (index, value) in elements.enumerated() {
        check(value, nodes[element], path.appending(index: index), &checker)
      }
    case .object(let object) where node.type == .object:
      node.check(object, path, &checker)
      for member in object.members {
        guard let inner = node.members[member.key] ?? node.members["{}"] else { continue }
        check(member.value, nodes[inner], path.appending(key: member.key), &checker)
      }
    case .string(let text) where node.type == .string: node.check(text, path, &checker)
    case .integer(let number) where node.type == .integer || node.type == .number:
      node.check(Double(number), path, &checker)
    case .double(let number)
    where node.type == .number || node.type == .integer && number == number.rounded():
      node.check(number, path, &checker)
    case .bool where node.type == .boolean: return
    default: checker.require(node.type == .any, path, "must be \(node.type.phrase)")
    }
  }
}

/// What is asked of a value.
struct SchemaNode: Sendable {
  /// The types of JSON, and any of them.
  enum Kind: String, Sendable {
    case object, array, string, integer, number, boolean, any

    /// How an error names it.
    var phrase: String {
      switch self {
      case .object: "an object"
      case .array: "a list"
      case .string: "a text"
      case .integer: "a whole number"
      case .number: "a number"
      case .boolean: "true or false"
      case .any: "anything"
      }
    }
  }

  private(set) var type = Kind.any
  private(set) var isNullable = false
  /// The nodes of members, of elements (`[]`) and of values of a map (`{}`).
  private(set) var members: [String: Int] = [:]
  private var bounds: [String: Double] = [:]
  private var required: [String] = []
  private var unique: [String] = []
  private var allowed: [String]?
  private var pattern: RegularExpression?
  private var rules: [SchemaRule] = []

  init(_ words: ArraySlice<Substring>) {
    for word in words {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let items = parts.dropFirst().joined().split(
        separator: ",", omittingEmptySubsequences: false
      ).map(Self.unescaped)
      let member = word.split(separator: ":")
      if let kind = Kind(rawValue: String(word)) {
        type = kind
      } else if member.count == 2, let number = Int(member[1]) {
        members[String(member[0])] = number
      } else if word == "nullable" {
        isNullable = true
      } else if parts[0] == "required" {
        required = items
      } else if parts[0] == "unique" {
        unique = items
      } else if parts[0] == "enum" {
        allowed = items
      } else if parts[0] == "pattern" {
        pattern = try? RegularExpression(items.joined())
      } else if parts.count == 2, let bound = Double(parts[1]) {
        bounds[String(parts[0])] = bound
      } else if let rule = SchemaRule(String(parts[0]), items) {
        rules.append(rule)
      }
    }
  }

  func check(_ elements: [JSONValue], _ path: FieldPath, _ checker: inout Checker) {
    bound(elements.count, "Items", "elements", path, &checker)
    guard !unique.isEmpty else { return }
    var seen: Set<[JSONValue?]> = []
    for (index, element) in elements.enumerated() {
      let key = unique.map { element[$0] }
      checker.require(
        seen.insert(key).inserted, path.appending(index: index),
        "has the \(unique.joined(separator: ", ")) of an element before")
    }
  }

  func check(_ object: JSONObject, _ path: FieldPath, _ checker: inout Checker) {
    bound(object.members.count, "Properties", "members", path, &checker)
    for name in required {
      checker.require(object[name] != nil, path.appending(key: name), "must be given")
    }
    for rule in rules { rule.check(object, path, &checker) }
  }

  func check(_ text: String, _ path: FieldPath, _ checker: inout Checker) {
    bound(text.unicodeScalars.count, "Length", "characters", path, &checker)
    if let allowed {
      checker.require(
        allowed.contains(text), path,
        "must be one of \(allowed.filter { !$0.isEmpty }.joined(separator: ", "))")
    }
    if let pattern {
      checker.require(
        pattern.matchesPart(of: text), path, "\"\(text)\" does not match \(pattern.pattern)")
    }
    for rule in rules { rule.check(text, path, &checker) }
  }

  func check(_ number: Double, _ path: FieldPath, _ checker: inout Checker) {
    if let least = bounds["minimum"] {
      checker.require(number >= least, path, "must be at least \(Int64(least))")
    }
    if let most = bounds["maximum"] {
      checker.require(number <= most, path, "must be at most \(Int64(most))")
    }
    for rule in rules { rule.check(number, path, &checker) }
  }

  private func bound(
    _ count: Int, _ measure: String, _ unit: String, _ path: FieldPath, _ checker: inout Checker
  ) {
    if let least = bounds["min" + measure] {
      checker.require(Double(count) >= least, path, "must have at least \(Int64(least)) \(unit)")
    }
    if let most = bounds["max" + measure] {
      checker.require(Double(count) <= most, path, "must have at most \(Int64(most)) \(unit)")
    }
  }

  /// A text with its `%XX` replaced.
  private static func unescaped(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      let digits = String(rest.prefix(2)) ?? ""
      if byte == UInt8(ascii: "%"), let value = UInt8(digits, radix: 16) {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
