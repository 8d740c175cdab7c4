// SPDX-License-Identifier: Apache-2.0

extension Names {
  /// The scheme of a URL in lower case, empty where it has none; nil where `text` is not a URL.
  ///
  /// Reads what Go's `net/url` reads. `isRequest` asks for a URL with a scheme, or a path from the
  /// root, as a request line has.
  static func scheme(ofURL text: String, isRequest: Bool = false) -> String? {
    guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return nil }
    guard !(isRequest && text.isEmpty) else { return nil }
    var rest = text[...]
    if !isRequest, let hash = rest.firstIndex(of: "#") {
      guard isEscaped(rest[rest.index(after: hash)...]) else { return nil }
      rest = rest[..<hash]
    }
    guard let (scheme, after) = splitScheme(rest) else { return nil }
    rest = after.prefix { $0 != "?" }
    if !rest.hasPrefix("/") {
      if !scheme.isEmpty { return scheme }
      let first = rest.prefix { $0 != "/" }
      return isRequest || first.contains(":") || !isEscaped(rest) ? nil : scheme
    }
    let hasAuthority =
      rest.hasPrefix("//") && (!scheme.isEmpty || !isRequest && !rest.hasPrefix("///"))
    guard hasAuthority else { return isEscaped(rest) ? scheme : nil }
    let authority = rest.dropFirst(2).prefix { $0 != "/" }
    let path = rest.dropFirst(2 + authority.count)
    return isAuthority(authority) && isEscaped(path) ? scheme : nil
  }

  /// Scheme and rest; nil where a colon stands first.
  private static func splitScheme(_ text: Substring) -> (scheme: String, rest: Substring)? {
    for (offset, byte) in text.utf8.enumerated() {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): continue
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
        UInt8(ascii: "."):
        if offset == 0 { return ("", text) }
      case UInt8(ascii: ":"):
        guard offset > 0 else { return nil }
        let colon = text.utf8.index(text.startIndex, offsetBy: offset)
        return (text[..<colon].lowercased(), text[text.utf8.index(after: colon)...])
      default: return ("", text)
      }
    }
    return ("", text)
  }

  /// A host, perhaps after a user and before a port.
  private static func isAuthority(_ text: Substring) -> Bool {
    let host = text.lastIndex(of: "@").map { text[text.index(after: $0)...] } ?? text
    var port: Substring = ""
    var name = host
    if host.hasPrefix("[") {
      guard let close = host.lastIndex(of: "]") else { return false }
      name = host[...close]
      port = host[host.index(after: close)...]
      guard port.isEmpty || port.first == ":" else { return false }
    } else if let colon = host.lastIndex(of: ":") {
      name = host[..<colon]
      port = host[colon...]
    }
    let forbidden = " \"<>^`{|}\\"
    return port.dropFirst().utf8.allSatisfy { (48...57).contains($0) }
      && !name.contains { forbidden.contains($0) } && isEscaped(name)
  }

  /// Whether two hexadecimal digits follow each percent sign.
  private static func isEscaped(_ text: Substring) -> Bool {
    text.split(separator: "%", omittingEmptySubsequences: false).dropFirst().allSatisfy { part in
      let digits = part.utf8.prefix(2)
      return digits.count == 2 && digits.allSatisfy { isHexadecimal($0) }
    }
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...70).contains(byte) || (97...102).contains(byte)
  }
}
