// SPDX-License-Identifier: Apache-2.0

/// Tells the documents of a stream apart without reading them.
///
/// YAML 1.2, section 9.1: a line that begins with `---` or `...`, and then a space or its end, is a
/// marker wherever it stands, also inside a quoted text or a block.
struct StreamSplitter {
  /// A document with content: its bytes, and the line of the first one, counted from 1.
  struct Part {
    let range: Range<Int>
    let line: Int
  }

  private let bytes: UnsafeBufferPointer<UInt8>
  private var parts: [Part] = []
  private var start = 0
  private var startLine = 1
  private var hasMarker = false
  private var hasContent = false

  /// The documents of `bytes` that have any content.
  static func parts(of bytes: UnsafeBufferPointer<UInt8>) -> [Part] {
    var splitter = StreamSplitter(bytes: bytes)
    splitter.split()
    return splitter.parts
  }

  private init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  private mutating func split() {
    var position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    start = position
    var line = 1
    while position < bytes.count {
      let next = endOfLine(from: position)
      visit(position..<next, line: line)
      position = next
      line += 1
    }
    cut(at: bytes.count, nextLine: line)
  }

  private mutating func visit(_ range: Range<Int>, line: Int) {
    if isMarker(range, UInt8(ascii: "-")) {
      if hasMarker || hasContent { cut(at: range.lowerBound, nextLine: line) }
      hasMarker = true
      hasContent = hasText(range.dropFirst(3))
    } else if isMarker(range, UInt8(ascii: ".")) {
      cut(at: range.upperBound, nextLine: line + 1)
    } else if hasMarker || hasContent || bytes[range.lowerBound] != UInt8(ascii: "%") {
      hasContent = hasContent || hasText(range)
    }
  }

  /// Ends a part; what had no content is forgotten.
  private mutating func cut(at end: Int, nextLine: Int) {
    if hasContent { parts.append(Part(range: start..<end, line: startLine)) }
    (start, startLine, hasMarker, hasContent) = (end, nextLine, false, false)
  }

  /// The offset after the line break; `\n`, `\r\n` and `\r` are breaks.
  private func endOfLine(from position: Int) -> Int {
    var position = position
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == 0x0A { break }
      guard byte == 0x0D else { continue }
      if position < bytes.count, bytes[position] == 0x0A { position += 1 }
      break
    }
    return position
  }

  private func isMarker(_ range: Range<Int>, _ byte: UInt8) -> Bool {
    guard range.count >= 3, bytes[range].prefix(3).allSatisfy({ $0 == byte }) else { return false }
    return range.count == 3 || StreamSplitter.isSpace(bytes[range.lowerBound + 3])
  }

  /// Whether there is anything but space and a comment.
  private func hasText(_ range: Range<Int>) -> Bool {
    guard let first = bytes[range].first(where: { !StreamSplitter.isSpace($0) }) else {
      return false
    }
    return first != UInt8(ascii: "#")
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
  }
}
