// SPDX-License-Identifier: Apache-2.0

public import JSON

/// A request, or a connection, to be asked where a proxy sends it.
public struct TrafficRequest: Hashable, Sendable {
  /// What the client speaks.
  public enum Scheme: String, Hashable, Sendable {
    /// Plain HTTP.
    case http
    /// HTTP in TLS.
    case https
    /// Bytes.
    case tcp
    /// Bytes in TLS.
    case tls
  }

  /// Which way the traffic goes, seen from the proxy.
  public enum Direction: String, Hashable, Sendable {
    /// From the workload; to a gateway, from its clients.
    case outbound
    /// To the workload.
    case inbound
  }

  /// What the client speaks.
  public var scheme: Scheme
  /// Which way the traffic goes.
  public var direction = Direction.outbound
  /// The host, without its port: a name, or an address without brackets.
  public var host: String
  /// The port.
  public var port: UInt32
  /// The path with its query, as the client writes it.
  public var path = "/"
  /// The method.
  public var method = "GET"
  /// The header fields by name; names are looked for in lower case.
  public var headers: [String: String] = [:]
  /// The name in SNI; nil for the host, and for none where the host is an address.
  public var serverName: String?
  /// What the client offers in ALPN; nil for what clients of the scheme offer.
  public var applicationProtocols: [String]?
  /// Whether the client is a sidecar of the mesh, with mutual TLS.
  public var isMutual = false
  /// The claims of the request's token, for routes that ask for them.
  public var claims: JSONValue?
  /// The address that the client connects to; nil where a name's is to be looked up.
  public var destination: String?
  /// The port at which the proxy takes it, where that is not ``port``.
  public var listenerPort: UInt32?

  /// A request of its parts.
  public init(_ scheme: Scheme, host: String, port: UInt32) {
    self.scheme = scheme
    self.host = host
    self.port = port
  }
}

/// Why a text is no request.
public struct TrafficRequestError: Error, Hashable, Sendable, CustomStringConvertible {
  /// One sentence.
  public var description: String

  /// An error that says so.
  public init(description: String) { self.description = description }
}

extension TrafficRequest {
  /// The request of a URL: `http://host:port/path?query`, `https://…`, `tcp://host:port` or
  /// `tls://host:port`; without a scheme it is `http`.
  ///
  /// - Throws: A sentence that says what is missing.
  public init(_ url: String) throws(TrafficRequestError) {
    var rest = Substring(url)
    var scheme = Scheme.http
    if let mark = rest.firstRange(of: "://") {
      let word = rest[..<mark.lowerBound].lowercased()
      guard let known = Scheme(rawValue: word) else {
        throw TrafficRequestError(
          description: "\(word): expected http, https, tcp or tls before ://")
      }
      scheme = known
      rest = rest[mark.upperBound...]
    }
    let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
    var path = String(rest[end...].prefix { $0 != "#" })
    if !path.hasPrefix("/") { path = "/" + path }
    var authority = rest[..<end]
    if let at = authority.lastIndex(of: "@") {
      authority = authority[authority.index(after: at)...]
    }
    let (host, port) = try Self.split(authority)
    guard let number = port ?? scheme.defaultPort else {
      throw TrafficRequestError(
        description: "\(url): expected a port, as in \(scheme)://\(host):9000")
    }
    self.init(scheme, host: host, port: number)
    self.path = path
  }

  /// The host, and the port if one is written; an IPv6 address stands in brackets.
  private static func split(
    _ authority: Substring
  ) throws(TrafficRequestError) -> (host: String, port: UInt32?) {
    var host = authority
    var port: Substring?
    if authority.first == "[", let close = authority.firstIndex(of: "]") {
      host = authority[authority.index(after: authority.startIndex)..<close]
      let rest = authority[authority.index(after: close)...]
      if rest.hasPrefix(":") { port = rest.dropFirst() }
    } else if let colon = authority.lastIndex(of: ":") {
      host = authority[..<colon]
      port = authority[authority.index(after: colon)...]
    }
    guard !host.isEmpty else {
      throw TrafficRequestError(description: "Expected a host, as in http://reviews:9080/path")
    }
    guard let port else { return (String(host), nil) }
    guard let number = UInt32(port), (1...65535).contains(number) else {
      throw TrafficRequestError(description: "\(port): expected a port from 1 to 65535")
    }
    return (String(host), number)
  }
}

extension TrafficRequest.Scheme {
  /// The port that the scheme has by itself.
  public var defaultPort: UInt32? {
    switch self {
    case .http: 80
    case .https: 443
    case .tcp, .tls: nil
    }
  }

  /// Whether the client begins with TLS.
  public var isTLS: Bool { self == .https || self == .tls }
  /// Whether requests are sent.
  public var isHTTP: Bool { self == .http || self == .https }
}

extension TrafficRequest {
  /// The header `Host`, or `:authority`: with the port where it is not the scheme's own.
  public var authority: String {
    if let written = headers.first(where: { ["host", ":authority"].contains($0.key.lowercased()) })
    {
      return written.value
    }
    let name = host.contains(":") ? "[\(host)]" : host
    return port == scheme.defaultPort ? name : "\(name):\(port)"
  }

  /// A header field; pseudo headers too.
  public func header(_ name: String) -> String? {
    switch name {
    case ":authority", "host": authority
    case ":path": path
    case ":method": method
    case ":scheme": scheme.isTLS ? "https" : "http"
    default: headers.first { $0.key.lowercased() == name.lowercased() }?.value
    }
  }

  /// The path without its query.
  public var pathWithoutQuery: String { String(path.prefix { $0 != "?" }) }

  /// The values of the query by name; of one name the first.
  public var query: [String: String] {
    guard let mark = path.firstIndex(of: "?") else { return [:] }
    let pairs = path[path.index(after: mark)...].split(separator: "&").map { pair in
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
    }
    return Dictionary(pairs) { first, _ in first }
  }

  /// The request as a URL.
  public var url: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return "\(scheme)://\(name):\(port)" + (scheme.isHTTP ? path : "")
  }
}
