// SPDX-License-Identifier: Apache-2.0

/// What a request asks to do with its path (RFC 9110, section 9).
public enum HTTPMethod: String, Sendable, CaseIterable {
  /// Read.
  case get = "GET"
  /// Read, but leave out the body.
  case head = "HEAD"
  /// Process the body.
  case post = "POST"
  /// Replace.
  case put = "PUT"
  /// Change in part.
  case patch = "PATCH"
  /// Remove.
  case delete = "DELETE"
  /// Say what may be asked.
  case options = "OPTIONS"
}

/// Who sent a request.
public struct HTTPPeer: Sendable, Hashable {
  /// The IP address, without brackets.
  public var address: String
  /// The TCP port.
  public var port: UInt16

  /// A peer at `address` and `port`.
  public init(address: String, port: UInt16) {
    self.address = address
    self.port = port
  }

  /// Whether the address is one of this machine's own: 127.0.0.0/8 or ::1.
  public var isLoopback: Bool {
    let mapped = "::ffff:"
    let plain = address.hasPrefix(mapped) ? address.dropFirst(mapped.count) : address[...]
    return plain == "::1" || plain.hasPrefix("127.")
  }
}

/// One request, read whole.
public struct HTTPRequest: Sendable {
  /// A `name=value` of the query, decoded.
  public struct QueryItem: Sendable, Hashable {
    /// The name.
    public var name: String
    /// The value, empty where there is no equals sign.
    public var value: String

    /// An item of `name` and `value`.
    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// The method.
  public var method: HTTPMethod
  /// The path, percent-decoded.
  public var path: String
  /// The query's items in their order.
  public var query: [QueryItem]
  /// The header fields.
  public var headers: HTTPHeaders
  /// The body.
  public var body: [UInt8]
  /// Who sent it.
  public var peer: HTTPPeer

  /// A request for `target`, a path with perhaps a query as it stands on the request line; nil
  /// if its percent-encoding is broken.
  public init?(
    _ method: HTTPMethod, _ target: String, headers: HTTPHeaders = [:], body: [UInt8] = [],
    peer: HTTPPeer = HTTPPeer(address: "127.0.0.1", port: 0)
  ) {
    let parts = originForm(target).split(
      separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    guard let path = percentDecoded(parts[0], plusIsSpace: false) else { return nil }
    self.method = method
    self.path = path
    query = parts.count > 1 ? queryItems(parts[1]) : []
    self.headers = headers
    self.body = body
    self.peer = peer
  }

  /// The first value of the query's item `name`.
  public func query(_ name: String) -> String? { query.first { $0.name == name }?.value }
}

/// The target without scheme and authority, as in the absolute form (RFC 9112, section 3.2.2).
private func originForm(_ target: String) -> Substring {
  guard !target.hasPrefix("/"), let scheme = target.firstRange(of: "://") else {
    return target[...]
  }
  let rest = target[scheme.upperBound...]
  guard let slash = rest.firstIndex(of: "/") else { return "/" }
  return rest[slash...]
}

/// The items of a query; those whose encoding is broken are left out, as Go's parser does.
private func queryItems(_ text: Substring) -> [HTTPRequest.QueryItem] {
  text.split(separator: "&").compactMap { item in
    let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard let name = percentDecoded(parts[0], plusIsSpace: true),
      let value = percentDecoded(parts.count > 1 ? parts[1] : "", plusIsSpace: true)
    else { return nil }
    return HTTPRequest.QueryItem(name, value)
  }
}

private func percentDecoded(_ text: Substring, plusIsSpace: Bool) -> String? {
  var bytes: [UInt8] = []
  var rest = text.utf8[...]
  while let byte = rest.popFirst() {
    switch byte {
    case UInt8(ascii: "%"):
      guard let high = rest.popFirst().flatMap(hexDigit),
        let low = rest.popFirst().flatMap(hexDigit)
      else { return nil }
      bytes.append(high << 4 | low)
    case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
    default: bytes.append(byte)
    }
  }
  return String(validating: bytes, as: UTF8.self)
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}
