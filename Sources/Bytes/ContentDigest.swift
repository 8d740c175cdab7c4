// SPDX-License-Identifier: Apache-2.0

import CXXHash

/// A 128-bit digest of bytes (XXH3): equal bytes, equal digest, on every replica.
///
/// Not for security.
public struct ContentDigest: Hashable, Sendable, CustomStringConvertible {
  /// The upper 64 bits.
  public let high: UInt64
  /// The lower 64 bits.
  public let low: UInt64

  /// A digest from its two halves.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The digest of a buffer.
  public init(of bytes: UnsafeRawBufferPointer) {
    let value = cxxhash_xxh3_128(bytes.baseAddress, bytes.count)
    self.init(high: value.high, low: value.low)
  }

  /// The digest of a text's UTF-8 bytes.
  public init(of text: String) {
    var text = text
    self = text.withUTF8 { ContentDigest(of: UnsafeRawBufferPointer($0)) }
  }

  /// 32 lower-case hexadecimal digits.
  public var description: String { ContentDigest.hex(high) + ContentDigest.hex(low) }

  private static func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
