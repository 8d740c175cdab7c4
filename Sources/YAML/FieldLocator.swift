// SPDX-License-Identifier: Apache-2.0

import JSON

/// Finds the line of a field by following a path through the events of a document.
struct FieldLocator: ~Copyable {
  private var reader: EventReader
  private var line: Int

  /// The line of the last step of `path` that is written.
  static func line(
    of path: FieldPath, in bytes: UnsafeBufferPointer<UInt8>, part: StreamSplitter.Part
  ) -> Int {
    var locator = FieldLocator(
      reader: EventReader(bytes, part: part, index: 0), line: part.line)
    do throws(YAMLError) { try locator.follow(path) } catch { return locator.line }
    return locator.line
  }

  private init(reader: consuming EventReader, line: Int) {
    self.reader = reader
    self.line = line
  }

  private mutating func follow(_ path: FieldPath) throws(YAMLError) {
    var event = try reader.next()
    while event.kind == .other || event.kind == .document { event = try reader.next() }
    line = event.line
    for element in path.elements {
      let found: Event? =
        switch (event.kind, element) {
        case (.mapping, .key(let key)): try member(key)
        case (.sequence, .index(let index)): try self.element(index)
        default: nil
        }
      guard let found else { return }
      event = found
    }
  }

  /// The value of a key, in a mapping that has just begun.
  private mutating func member(_ key: String) throws(YAMLError) -> Event? {
    while true {
      let event = try reader.next()
      if event.kind == .close { return nil }
      if event.kind == .scalar, ScalarResolver.key(event) == key {
        line = event.line
        return try reader.next()
      }
      try skip(event)
      try skip(try reader.next())
    }
  }

  /// An element of a sequence that has just begun.
  private mutating func element(_ index: Int) throws(YAMLError) -> Event? {
    var position = 0
    while true {
      let event = try reader.next()
      if event.kind == .close { return nil }
      if position == index {
        line = event.line
        return event
      }
      try skip(event)
      position += 1
    }
  }

  /// Reads to the end of a node that has begun.
  private mutating func skip(_ event: Event) throws(YAMLError) {
    var depth = event.kind == .mapping || event.kind == .sequence ? 1 : 0
    while depth > 0 {
      switch try reader.next().kind {
      case .mapping, .sequence: depth += 1
      case .close: depth -= 1
      default: break
      }
    }
  }
}
