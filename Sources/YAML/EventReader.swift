// SPDX-License-Identifier: Apache-2.0
// Owns one libyaml parser, freed at the end of its scope; used by one thread, within the lending
// of the bytes that it reads.

import CYAMLShims

/// One event of libyaml, copied out of it.
struct Event {
  enum Kind { case end, other, document, alias, scalar, sequence, mapping, close }

  var kind: Kind
  /// The line in the stream, counted from 1.
  var line: Int
  /// The column in Unicode scalars, counted from 1.
  var column: Int
  /// The anchor of a node, or the target of an alias.
  var anchor: String?
  /// The tag, with `tag:yaml.org,2002:` written out.
  var tag: String?
  /// The text of a scalar.
  var text = ""
  /// Whether a scalar is neither quoted nor a block.
  var plain = false

  /// Whether this is the key of a merge.
  var isMerge: Bool {
    kind == .scalar && text == "<<" && (tag == nil ? plain : tag == "tag:yaml.org,2002:merge")
  }
}

/// The events of one document.
struct EventReader: ~Copyable {
  private let bytes: UnsafeBufferPointer<UInt8>
  private let part: StreamSplitter.Part
  private let index: Int
  private let parser: OpaquePointer?

  init(_ bytes: UnsafeBufferPointer<UInt8>, part: StreamSplitter.Part, index: Int) {
    self.bytes = UnsafeBufferPointer(rebasing: bytes[part.range])
    self.part = part
    self.index = index
    parser = cyamlshims_parser_new(self.bytes.baseAddress, self.bytes.count)
  }

  deinit { if let parser { cyamlshims_parser_free(parser) } }

  /// The next event.
  mutating func next() throws(YAMLError) -> Event {
    guard let parser else {
      throw YAMLError(document: index, line: part.line, column: 1, reason: "out of memory")
    }
    let raw = cyamlshims_parser_next(parser)
    guard let kind = EventReader.kind(of: raw.kind) else { throw failure(raw) }
    var event = Event(kind: kind, line: part.line + raw.line, column: raw.column + 1)
    event.anchor = raw.anchor.map { String(cString: $0) }
    event.tag = raw.tag.map { String(cString: $0) }
    if kind == .scalar {
      let text = UnsafeBufferPointer(start: raw.value, count: raw.length)
      event.text = String(decoding: text, as: UTF8.self)
      event.plain = raw.plain
    }
    return event
  }

  /// An error at an event.
  func error(at event: Event, _ reason: String) -> YAMLError {
    YAMLError(document: index, line: event.line, column: event.column, reason: reason)
  }

  private static func kind(of kind: cyamlshims_kind) -> Event.Kind? {
    switch kind {
    case cyamlshims_end: .end
    case cyamlshims_other: .other
    case cyamlshims_document: .document
    case cyamlshims_alias: .alias
    case cyamlshims_scalar: .scalar
    case cyamlshims_sequence: .sequence
    case cyamlshims_mapping: .mapping
    case cyamlshims_close: .close
    default: nil
    }
  }

  private func failure(_ raw: cyamlshims_event) -> YAMLError {
    var reason = raw.problem.map { String(cString: $0) } ?? "unreadable"
    if let context = raw.context { reason += " " + String(cString: context) }
    var (line, column) = (raw.line, raw.column)
    if raw.offset >= 0 {
      (line, column) = place(of: raw.offset)
    } else if hasTab(beforeLine: line, column: column) {
      reason = "a tab where only spaces may indent"
    }
    return YAMLError(document: index, line: part.line + line, column: column + 1, reason: reason)
  }

  /// The line and column, counted from 0, of an offset.
  private func place(of offset: Int) -> (Int, Int) {
    let before = bytes[..<min(offset, bytes.count)]
    let start = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    return (before.count { $0 == 0x0A }, before[start...].count { $0 & 0xC0 != 0x80 })
  }

  /// Whether a tab stands at a place that only space precedes.
  private func hasTab(beforeLine line: Int, column: Int) -> Bool {
    let lines = bytes.split(
      separator: 0x0A, maxSplits: line + 1, omittingEmptySubsequences: false)
    guard lines.indices.contains(line) else { return false }
    let indent = lines[line].prefix { $0 == 0x20 || $0 == 0x09 }
    return column <= indent.count && indent.contains(0x09)
  }
}
