// SPDX-License-Identifier: Apache-2.0

/// What names may look like.
enum Names {
  /// A label of RFC 1123: letters and digits, with `-` inside, at most 63.
  static func isDNSLabel(_ text: some StringProtocol) -> Bool {
    text.utf8.count <= 63 && isLabel(text)
  }

  /// A label that may be `*`, or begin with `*` or `*-`.
  static func isWildcardLabel(_ text: some StringProtocol) -> Bool {
    if text == "*" { return true }
    guard text.first == "*" else { return isDNSLabel(text) }
    let rest = text.dropFirst()
    return isDNSLabel(rest.first == "-" ? rest.dropFirst() : rest) && text.utf8.count <= 63
  }

  /// Labels between dots, of which the last is no number; a dot at the end is allowed.
  static func isDomain(_ text: some StringProtocol) -> Bool {
    guard !text.isEmpty, text.utf8.count <= 255 else { return false }
    var labels = text.split(separator: ".", omittingEmptySubsequences: false)
    if let last = labels.last, Int(last) != nil { return false }
    if labels.count > 1, labels.last?.isEmpty == true { labels.removeLast() }
    return labels.allSatisfy { isDNSLabel($0) }
  }

  /// A domain whose first label may be a pattern.
  static func isWildcardDomain(_ text: String) -> Bool {
    guard !text.isEmpty, text.utf8.count <= 255 else { return false }
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, isWildcardLabel(first) else { return false }
    return parts.count == 1 || parts[1].isEmpty || isDomain(parts[1])
  }

  /// A domain that identities are of: labels between dots, also of digits alone.
  static func isTrustDomain(_ text: String) -> Bool {
    var labels = text.split(separator: ".", omittingEmptySubsequences: false)
    if labels.count > 1, labels.last?.isEmpty == true { labels.removeLast() }
    return labels.allSatisfy { isDNSLabel($0) }
  }

  /// `host:port`, the host a domain or an address, of IPv6 in brackets.
  static func isAddressAndPort(_ text: String) -> Bool {
    guard let colon = text.lastIndex(of: ":") else { return false }
    guard let port = Int(text[text.index(after: colon)...]), (1...65535).contains(port) else {
      return false
    }
    let host = text[..<colon]
    if host.first == "[", host.last == "]" { return IPAddress(host.dropFirst().dropLast()) != nil }
    return !host.contains(":") && (isDomain(host) || IPAddress(host) != nil)
  }

  /// A key of a label: a name, perhaps after labels between dots and a slash.
  static func isLabelKey(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), let name = parts.last else { return false }
    if parts.count == 2 {
      let labels = parts[0].split(separator: ".", omittingEmptySubsequences: false)
      guard parts[0].utf8.count <= 253, labels.allSatisfy({ isLabel($0) }) else { return false }
    }
    return name.utf8.count <= 63 && isQualified(name)
  }

  /// A value of a label; it may be empty.
  static func isLabelValue(_ text: String) -> Bool { text.isEmpty || isQualified(text) }

  /// A Unix socket: `unix://` and an absolute path of a file, or `@` and a name.
  static func isUnixSocket(_ text: String) -> Bool {
    guard text.hasPrefix("unix://") else { return false }
    let file = text.dropFirst("unix://".count)
    return file.hasPrefix("@") || file.hasPrefix("/") && !file.hasSuffix("/")
  }

  /// A token of HTTP, as names of headers are.
  static func isHeaderName(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        isAlphanumeric(byte) || "-!#$%&'*+.^_`|~".utf8.contains(byte)
      }
  }

  private static func isLabel(_ text: some StringProtocol) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, let last = bytes.last else { return false }
    return isAlphanumeric(first) && isAlphanumeric(last)
      && bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
  }

  private static func isQualified(_ text: some StringProtocol) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, let last = bytes.last else { return false }
    return isAlphanumeric(first) && isAlphanumeric(last)
      && bytes.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
  }

  static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
  }
}
