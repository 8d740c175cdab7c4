// SPDX-License-Identifier: Apache-2.0

/// Cuts the body of a watch into its frames.
enum FrameSplitter {
  /// Frames of JSON, one a line.
  case lines(LineSplitter)
  /// Frames of protobuf, each after its length.
  case counted(CountedSplitter)

  /// Whether a frame has begun that has not ended.
  var isInFrame: Bool {
    switch self {
    case .lines(let lines): lines.isInFrame
    case .counted(let counted): counted.isInFrame
    }
  }

  /// Takes a piece of the body; what the frames say that are whole now.
  mutating func feed(_ piece: [UInt8], to reader: ObjectReader) -> [WatchEvent] {
    var events: [WatchEvent] = []
    switch self {
    case .lines(var lines):
      self = .lines(LineSplitter())
      lines.feed(piece) { events.append(reader.event($0)) }
      self = .lines(lines)
    case .counted(var counted):
      self = .counted(CountedSplitter())
      counted.feed(piece) { events.append(reader.event(wire: $0)) }
      self = .counted(counted)
    }
    return events
  }
}

/// Cuts a body into frames that each stand after their length, four bytes with the highest first.
struct CountedSplitter {
  private var rest: [UInt8] = []

  /// Whether a frame has begun that has not ended.
  var isInFrame: Bool { !rest.isEmpty }

  /// Takes a piece of the body, and hands on each frame that is whole now.
  mutating func feed(_ piece: [UInt8], _ body: (UnsafeRawBufferPointer) -> Void) {
    // Pieces are appended to what waits, so that a long frame is not copied once a piece.
    guard !rest.isEmpty else {
      let end = piece.withUnsafeBytes { CountedSplitter.cut($0, body) }
      rest = Array(piece[end...])
      return
    }
    rest += piece
    let end = rest.withUnsafeBytes { CountedSplitter.cut($0, body) }
    rest.removeFirst(end)
  }

  /// Hands on the whole frames; where what is left begins.
  private static func cut(
    _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
  ) -> Int {
    var start = 0
    while bytes.count - start >= 4 {
      let length = bytes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
      guard bytes.count - start - 4 >= length else { break }
      body(UnsafeRawBufferPointer(rebasing: bytes[start + 4..<start + 4 + length]))
      start += 4 + length
    }
    return start
  }
}
