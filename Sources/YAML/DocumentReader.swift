// SPDX-License-Identifier: Apache-2.0

import JSON

/// Reads one document: as JSON where it is that, else as YAML.
struct DocumentReader {
  private let bytes: UnsafeBufferPointer<UInt8>
  private let part: StreamSplitter.Part
  private let index: Int
  private let limits: YAMLLimits

  init(
    _ bytes: UnsafeBufferPointer<UInt8>, part: StreamSplitter.Part, index: Int, limits: YAMLLimits
  ) {
    self.bytes = bytes
    self.part = part
    self.index = index
    self.limits = limits
  }

  func document() throws(YAMLError) -> YAMLDocument {
    guard part.range.count <= limits.documentBytes else {
      throw YAMLError(
        document: index, line: part.line, column: 1,
        reason: "the document has \(part.range.count) bytes, "
          + "more than the limit \(limits.documentBytes)")
    }
    if let json = json() { return json }
    var composer = DocumentComposer(bytes, part: part, index: index, limits: limits)
    let (value, line) = try composer.document()
    return YAMLDocument(value: value, line: line, index: index)
  }

  /// The document, if it is JSON whole: that differs from flow YAML in its escapes.
  private func json() -> YAMLDocument? {
    let text = UnsafeBufferPointer(rebasing: bytes[part.range])
    guard
      let start = text.firstIndex(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }),
      text[start] == UInt8(ascii: "{"),
      let value = try? JSONValue(
        parsing: text, limits: JSONLimits(bytes: limits.documentBytes, depth: limits.depth)),
      text.count / 2 < limits.nodes  // no node has fewer than two bytes
    else { return nil }
    let line = part.line + text[..<start].count { $0 == 0x0A }
    return YAMLDocument(value: value, line: line, index: index)
  }
}
