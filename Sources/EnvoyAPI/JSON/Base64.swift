// SPDX-License-Identifier: Apache-2.0

/// Bytes as text (RFC 4648, sections 4 and 5).
enum Base64 {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// The standard alphabet with padding.
  static func encode(_ bytes: UnsafeRawBufferPointer) -> String {
    String(unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4) { target in
      var count = 0
      for start in stride(from: 0, to: bytes.count, by: 3) {
        let length = min(3, bytes.count - start)
        var group: UInt32 = 0
        for place in 0..<3 {
          group = group << 8 | (place < length ? UInt32(bytes[start + place]) : 0)
        }
        for place in 0..<4 {
          let digit = alphabet[Int(group >> UInt32(18 - 6 * place)) & 63]
          target[count + place] = place <= length ? digit : UInt8(ascii: "=")
        }
        count += 4
      }
      return count
    }
  }

  /// The bytes of a text in the standard or the URL's alphabet, padded or not; nil for others.
  static func decode(_ text: String) -> [UInt8]? {
    let padding = text.utf8.reversed().prefix { $0 == UInt8(ascii: "=") }.count
    let digits = text.utf8.dropLast(padding)
    guard padding == 0 || (padding < 3 && text.utf8.count % 4 == 0), digits.count % 4 != 1 else {
      return nil
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count * 3 / 4)
    var bits: UInt32 = 0
    var have = 0
    for digit in digits {
      guard let value = value(of: digit) else { return nil }
      bits = bits << 6 | value
      have += 6
      guard have >= 8 else { continue }
      have -= 8
      bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(have)))
    }
    return bytes
  }

  private static func value(of digit: UInt8) -> UInt32? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
    case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
    default: nil
    }
  }
}
