// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Whether `word` stands anywhere in a text, perhaps as a part of a longer one.
///
/// The text ends with a zero.
func holds(_ text: [UInt8], _ word: String) -> Bool {
  text.withUnsafeBytes { text in
    guard let start = text.bindMemory(to: CChar.self).baseAddress else { return false }
    return strstr(start, word) != nil
  }
}

/// Where `word` stands in `line`, not as a part of a longer identifier; offsets in UTF-8.
func occurrences(of word: String, in line: String) -> [Int] {
  let line = Array(line.utf8)
  let word = Array(word.utf8)
  guard let first = word.first, let last = word.last, line.count >= word.count else { return [] }
  return (0...(line.count - word.count)).filter { start in
    guard line[start] == first, line[start..<(start + word.count)].elementsEqual(word) else {
      return false
    }
    let end = start + word.count
    let joinsBefore = isIdentifier(first) && start > 0 && isIdentifier(line[start - 1])
    let joinsAfter = isIdentifier(last) && end < line.count && isIdentifier(line[end])
    return !joinsBefore && !joinsAfter
  }
}

/// Whether a byte may be part of an identifier.
func isIdentifier(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
    true
  default: false
  }
}
