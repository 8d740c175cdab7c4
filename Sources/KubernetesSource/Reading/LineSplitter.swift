// SPDX-License-Identifier: Apache-2.0

/// Cuts the body of a watch into its frames, one a line.
struct LineSplitter {
  private var rest: [UInt8] = []

  /// Whether a frame has begun that has not ended.
  var isInFrame: Bool { !rest.isEmpty }

  /// Takes a piece of the body, and hands on each line that is whole now; empty ones are left out.
  mutating func feed(_ piece: [UInt8], _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
    piece.withUnsafeBufferPointer { bytes in
      var start = 0
      while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
        if rest.isEmpty {
          if end > start { body(UnsafeBufferPointer(rebasing: bytes[start..<end])) }
        } else {
          rest.append(contentsOf: bytes[start..<end])
          rest.withUnsafeBufferPointer(body)
          rest = []
        }
        start = end + 1
      }
      rest.append(contentsOf: bytes[start...])
    }
  }
}
