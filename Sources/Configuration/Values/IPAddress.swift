// SPDX-License-Identifier: Apache-2.0

/// An address of IPv4 or IPv6.
public struct IPAddress: Hashable, Sendable {
  /// Whether it is of IPv4.
  public let isIPv4: Bool
  /// Its bits, the first of the text the highest; of IPv4 the low 32.
  public let bits: UInt128

  /// An address of IPv4.
  public init(ipv4 bits: UInt32) {
    isIPv4 = true
    self.bits = UInt128(bits)
  }

  /// An address of IPv6.
  public init(ipv6 bits: UInt128) {
    isIPv4 = false
    self.bits = bits
  }

  /// The address that `text` writes, without zone, brackets or leading zeros; nil where it is none.
  public init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    if bytes.contains(UInt8(ascii: ":")) {
      guard let bits = Self.parseIPv6(bytes) else { return nil }
      self.init(ipv6: bits)
    } else {
      guard let bits = Self.parseIPv4(bytes[...]) else { return nil }
      self.init(ipv4: bits)
    }
  }

  /// The number of bits: 32 or 128.
  public var width: Int { isIPv4 ? 32 : 128 }

  /// Whether no bit is set: `0.0.0.0` or `::`.
  public var isUnspecified: Bool { bits == 0 }

  private static func parseIPv4(_ bytes: ArraySlice<UInt8>) -> UInt32? {
    let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var bits: UInt32 = 0
    for part in parts {
      guard (1...3).contains(part.count), part.count == 1 || part.first != 48 else { return nil }
      var value: UInt32 = 0
      for digit in part {
        guard digit >= 48, digit <= 57 else { return nil }
        value = value * 10 + UInt32(digit - 48)
      }
      guard value < 256 else { return nil }
      bits = bits << 8 | value
    }
    return bits
  }

  private static func parseIPv6(_ bytes: [UInt8]) -> UInt128? {
    let gap = zip(bytes, bytes.dropFirst()).enumerated()
      .first { $0.element == (colon, colon) }?.offset
    guard let gap else {
      guard let groups = parseGroups(bytes[...]), groups.count == 8 else { return nil }
      return groups.reduce(0) { $0 << 16 | UInt128($1) }
    }
    guard let head = parseGroups(bytes[..<gap]), let tail = parseGroups(bytes[(gap + 2)...]),
      head.count + tail.count < 8, !bytes[..<gap].contains(UInt8(ascii: "."))
    else { return nil }
    let zeros = [UInt16](repeating: 0, count: 8 - head.count - tail.count)
    return (head + zeros + tail).reduce(0) { $0 << 16 | UInt128($1) }
  }

  private static let colon = UInt8(ascii: ":")

  /// The groups between colons; the last may be an address of IPv4.
  private static func parseGroups(_ bytes: ArraySlice<UInt8>) -> [UInt16]? {
    guard !bytes.isEmpty else { return [] }
    var groups: [UInt16] = []
    var parts = bytes.split(separator: colon, omittingEmptySubsequences: false)
    var tail: [UInt16] = []
    if let last = parts.last, last.contains(UInt8(ascii: ".")) {
      guard let address = parseIPv4(last) else { return nil }
      tail = [UInt16(address >> 16), UInt16(truncatingIfNeeded: address)]
      parts.removeLast()
    }
    for part in parts {
      guard (1...4).contains(part.count), part.allSatisfy({ $0 != 43 && $0 != 45 }),
        let group = UInt16(String(decoding: part, as: UTF8.self), radix: 16)
      else { return nil }
      groups.append(group)
    }
    return groups + tail
  }
}

extension IPAddress: CustomStringConvertible {
  /// The address as RFC 5952 writes it.
  public var description: String {
    if isIPv4 {
      return [24, 16, 8, 0].map { String(bits >> UInt128($0) & 255) }.joined(separator: ".")
    }
    let groups = (0..<8).map { UInt16(truncatingIfNeeded: bits >> UInt128(112 - 16 * $0)) }
    guard let zeros = Self.longestZeros(groups) else { return Self.hex(groups[...]) }
    return Self.hex(groups[..<zeros.lowerBound]) + "::" + Self.hex(groups[zeros.upperBound...])
  }

  private static func hex(_ groups: ArraySlice<UInt16>) -> String {
    groups.map { String($0, radix: 16) }.joined(separator: ":")
  }

  private static func longestZeros(_ groups: [UInt16]) -> Range<Int>? {
    var best: Range<Int>?
    var start = 0
    for index in 0...groups.count {
      guard index == groups.count || groups[index] != 0 else { continue }
      if index - start > max(1, best?.count ?? 0) { best = start..<index }
      start = index + 1
    }
    return best
  }
}

/// A range of addresses: `10.0.0.0/8`.
public struct IPRange: Hashable, Sendable, CustomStringConvertible {
  /// An address of the range, as it was written.
  public let address: IPAddress
  /// How many leading bits all addresses of the range share.
  public let prefixLength: Int

  /// The range of the addresses that share `prefixLength` bits with `address`.
  public init?(_ address: IPAddress, prefixLength: Int) {
    guard (0...address.width).contains(prefixLength) else { return nil }
    self.address = address
    self.prefixLength = prefixLength
  }

  /// The range that `text` writes; nil where it is none.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPAddress(parts[0]),
      parts[1].utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), parts[1] == "0" || parts[1].first != "0",
      let length = Int(parts[1])
    else { return nil }
    self.init(address, prefixLength: length)
  }

  /// Whether it is one address only.
  public var isSingle: Bool { prefixLength == address.width }

  /// Whether `other` lies in the range.
  public func contains(_ other: IPAddress) -> Bool {
    guard other.isIPv4 == address.isIPv4 else { return false }
    return prefixLength == 0
      || (other.bits ^ address.bits) >> UInt128(address.width - prefixLength) == 0
  }

  /// Address, slash, length.
  public var description: String { "\(address)/\(prefixLength)" }
}
