// SPDX-License-Identifier: Apache-2.0

/// PEM as it is written by everybody: lines of 64 characters, nothing between them.
enum PEM {
  private static let lineLength = 64
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let none: UInt8 = 0xff
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: none, count: 256)
    for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
    return values
  }()
  private static let lineEnd = UInt8(ascii: "\n")
  private static let padding = UInt8(ascii: "=")

  /// Bytes under a name, with an end of line.
  static func text(_ name: String, _ bytes: [UInt8]) -> String {
    let head = Array("-----BEGIN \(name)-----\n".utf8)
    let tail = Array("-----END \(name)-----\n".utf8)
    let characters = (bytes.count + 2) / 3 * 4
    let lines = (characters + lineLength - 1) / lineLength
    return String(
      unsafeUninitializedCapacity: head.count + characters + lines + tail.count
    ) { buffer in
      var at = buffer.update(fromContentsOf: head)
      var column = 0
      var index = 0
      alphabet.withUnsafeBufferPointer { alphabet in
        while index < bytes.count {
          let left = min(3, bytes.count - index)
          var word = UInt32(bytes[index]) << 16
          if left > 1 { word |= UInt32(bytes[index + 1]) << 8 }
          if left > 2 { word |= UInt32(bytes[index + 2]) }
          for place in 0..<4 {
            let value = Int(word >> UInt32(18 - 6 * place)) & 63
            buffer[at + place] = place > left ? padding : alphabet[value]
          }
          (at, column, index) = (at + 4, column + 4, index + 3)
          guard column == lineLength || index >= bytes.count else { continue }
          buffer[at] = lineEnd
          (at, column) = (at + 1, 0)
        }
      }
      for byte in tail {
        buffer[at] = byte
        at += 1
      }
      return at
    }
  }

  /// What a text of one block holds that is written just so; nil of any other text, be it PEM or not.
  static func body(_ name: String, of text: [UInt8]) -> [UInt8]? {
    let head = "-----BEGIN \(name)-----\n".utf8
    var tail = Array("-----END \(name)-----".utf8)
    if text.last == lineEnd { tail.append(lineEnd) }
    guard text.count > head.count + tail.count, text.starts(with: head),
      text[(text.count - tail.count)...].elementsEqual(tail)
    else { return nil }
    return decode(text[head.count..<(text.count - tail.count)])
  }

  /// The bytes of lines, all but the last of which are full.
  private static func decode(_ lines: ArraySlice<UInt8>) -> [UInt8]? {
    let rows = lines.split(separator: lineEnd, omittingEmptySubsequences: false)
    // Behind the last end of line there is nothing.
    guard let beyond = rows.last, beyond.isEmpty, rows.count >= 2 else { return nil }
    let full = rows.dropLast(2).allSatisfy { $0.count == lineLength }
    guard full, (1...lineLength).contains(rows[rows.count - 2].count) else { return nil }
    let characters = lines.filter { $0 != lineEnd }
    let padded = characters.suffix(2).count { $0 == padding }
    guard characters.count % 4 == 0, characters.prefix(characters.count - padded).last != padding
    else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(characters.count / 4 * 3)
    for group in stride(from: 0, to: characters.count, by: 4) {
      let isLast = group + 4 == characters.count
      var word: UInt32 = 0
      for place in 0..<4 {
        let isPadding = isLast && place >= 4 - padded
        let value = isPadding ? 0 : values[Int(characters[group + place])]
        guard value != none, !isPadding || characters[group + place] == padding else { return nil }
        word = word << 6 | UInt32(value)
      }
      let count = isLast ? 3 - padded : 3
      // Of the last group no bit may be left over.
      guard word & (1 << UInt32(8 * (3 - count)) - 1) == 0 else { return nil }
      for place in 0..<count {
        bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(16 - 8 * place)))
      }
    }
    return bytes
  }
}
