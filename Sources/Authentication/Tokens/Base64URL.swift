// SPDX-License-Identifier: Apache-2.0

/// Base64 as tokens have it (RFC 7515): the alphabet of URLs, without padding.
public enum Base64URL {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
  private static let values: [UInt8: UInt32] = Dictionary(
    uniqueKeysWithValues: alphabet.enumerated().map { ($1, UInt32($0)) })

  /// The text of bytes.
  public static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var text: [UInt8] = []
    var (pending, count): (UInt32, Int) = (0, 0)
    for byte in bytes {
      pending = pending << 8 | UInt32(byte)
      count += 8
      while count >= 6 {
        count -= 6
        text.append(alphabet[Int(pending >> UInt32(count) & 63)])
      }
    }
    if count > 0 { text.append(alphabet[Int(pending << UInt32(6 - count) & 63)]) }
    return String(decoding: text, as: UTF8.self)
  }

  /// The bytes of a text; nil where it is none that ``encode(_:)`` would write.
  public static func decode(_ text: some StringProtocol) -> [UInt8]? {
    var bytes: [UInt8] = []
    var (pending, count): (UInt32, Int) = (0, 0)
    for character in text.utf8 {
      guard let value = values[character] else { return nil }
      pending = pending << 6 | value
      count += 6
      guard count >= 8 else { continue }
      count -= 8
      bytes.append(UInt8(truncatingIfNeeded: pending >> UInt32(count)))
    }
    // The bits that are left must be none, and too few for a byte.
    guard count < 6, pending & (1 << UInt32(count) - 1) == 0 else { return nil }
    return bytes
  }
}
