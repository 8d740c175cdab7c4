// SPDX-License-Identifier: Apache-2.0

import Configuration
import JSON
import MeshModel
import YAML

/// What one file says: its objects, a name once, and what is to be said of the rest.
struct DecodedFile: Sendable {
  /// The file's path.
  let path: String
  /// The objects by key, usable or not.
  private(set) var objects: [ObjectKey: SourcedObject] = [:]
  /// What belongs to no object.
  private(set) var problems: [StoredDiagnostic] = []
  /// Whether a document cannot be read at all, so that nobody knows whose it was.
  private var hasUnknown = false

  /// Decodes a file; `previous` is what it said before.
  ///
  /// Where a document cannot be read, objects that the file said before and names no longer are
  /// kept: the broken document may be theirs.
  init(_ content: FileContent, previous: DecodedFile?) {
    path = content.path
    if content.path.hasSuffix(".json") { readJSON(content.bytes) } else { readYAML(content.bytes) }
    guard hasUnknown, let previous else { return }
    objects.merge(previous.objects) { new, _ in new }
  }

  private mutating func readYAML(_ bytes: [UInt8]) {
    let stream = YAML.documents(in: bytes)
    for error in stream.errors {
      hasUnknown = true
      reject(error.line, "column \(error.column): \(error.reason)")
    }
    for document in stream.documents where document.value != .null {
      read(document.value, line: document.line) { path in
        YAML.line(of: path, in: bytes, document: document.index)
      }
    }
  }

  private mutating func readJSON(_ bytes: [UInt8]) {
    do throws(JSONParseError) {
      read(try JSONValue(parsing: bytes), line: 1) { path in
        YAML.line(of: path, in: bytes, document: 0)
      }
    } catch {
      hasUnknown = true
      reject(error.line, "column \(error.column): \(error.reason)")
    }
  }

  private mutating func reject(_ line: Int, _ message: String) {
    problems.append(
      StoredDiagnostic(
        .rejected, key: nil, origin: ObjectOrigin(file: path, line: line), message: message))
  }

  /// Reads a document: one object, or the items of a list.
  private mutating func read(_ value: JSONValue, line: Int, locate: (FieldPath) -> Int?) {
    let values = ConfigurationObject.expandLists(value)
    let items = value["items"]?.array
    guard let items, items.count == values.count, values != [value] else {
      for value in values { add(value, line: line, prefix: FieldPath(), locate) }
      return
    }
    for (index, item) in values.enumerated() {
      let prefix = FieldPath(["items", .index(index)])
      // To find a line the text is read again, which long lists are spared.
      let itemLine = index < DecodedFile.locatedItems ? locate(prefix) : nil
      add(item, line: itemLine ?? line, prefix: prefix, locate)
    }
  }

  /// How many items of a list have a line of their own.
  private static let locatedItems = 200

  private mutating func add(
    _ value: JSONValue, line: Int, prefix: FieldPath, _ locate: (FieldPath) -> Int?
  ) {
    let origin = ObjectOrigin(file: path, line: line)
    let reading = SourcedObject.read(value, strictness: .strict, origin: origin) {
      locate(FieldPath(prefix.elements + $0.elements))
    }
    switch reading {
    case .nameless(let diagnostics):
      problems += diagnostics
      hasUnknown = hasUnknown || diagnostics.contains { $0.effect == .rejected }
    case .object(let object):
      if let first = objects[object.key] {
        problems.append(DecodedFile.duplicate(object, first: first))
      } else {
        objects[object.key] = object
      }
    }
  }

  /// What is to be said of an object that is written again after `first`.
  static func duplicate(_ object: SourcedObject, first: SourcedObject) -> StoredDiagnostic {
    StoredDiagnostic(
      .rejected, key: object.key, origin: object.origin,
      message: "is written at \(first.origin) already, which counts")
  }
}
