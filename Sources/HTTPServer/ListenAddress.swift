// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Where to listen, written as Go writes it: `:8080`, `127.0.0.1:0`, `[::]:15014`, `localhost:1`.
public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
  /// An IP address or a name; empty for all interfaces of both families.
  public var host: String
  /// The TCP port; 0 lets the system choose.
  public var port: UInt16

  /// An address from its parts.
  public init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }

  /// Reads `host:port`.
  public init(parsing text: String) throws(HTTPServerError) {
    guard let colon = text.lastIndex(of: ":"),
      let port = UInt16(text[text.index(after: colon)...])
    else { throw .invalidAddress(text) }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(where: { ":[]".contains($0) }) {
      throw .invalidAddress(text)
    }
    self.init(host: String(host), port: port)
  }

  /// The text that ``init(parsing:)`` reads.
  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension ListenAddress {
  /// A listening socket, non-blocking, and the address that it got.
  func openSocket() throws(HTTPServerError) -> (descriptor: Int32, bound: ListenAddress) {
    var hints = addrinfo()
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let name = host.isEmpty ? "::" : host
    let code = getaddrinfo(name, String(port), &hints, &list)
    guard code == 0, let list else {
      throw .cannotListen(address: description, reason: String(cString: gai_strerror(code)))
    }
    defer { freeaddrinfo(list) }
    if let descriptor = listeningSocket(list.pointee) {
      return (descriptor, ListenAddress(host: host, port: boundPort(descriptor)))
    }
    let reason = String(cString: strerror(errno))
    // A kernel without IPv6: all interfaces are those of IPv4.
    if host.isEmpty, errno == EAFNOSUPPORT {
      let (descriptor, bound) = try ListenAddress(host: "0.0.0.0", port: port).openSocket()
      return (descriptor, ListenAddress(host: "", port: bound.port))
    }
    throw .cannotListen(address: description, reason: reason)
  }
}

private func listeningSocket(_ info: addrinfo) -> Int32? {
  let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
  let descriptor = socket(info.ai_family, kind, 0)
  guard descriptor >= 0 else { return nil }
  setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
  if info.ai_family == AF_INET6 { setOption(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
  guard bind(descriptor, info.ai_addr, info.ai_addrlen) == 0, listen(descriptor, 1024) == 0 else {
    let saved = errno
    close(descriptor)
    errno = saved
    return nil
  }
  return descriptor
}

private func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
  var value = value
  setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
}

private func boundPort(_ descriptor: Int32) -> UInt16 {
  var address = sockaddr_in6()  // the port of sockaddr_in lies at the same place
  var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
  _ = withUnsafeMutablePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      getsockname(descriptor, $0, &length)
    }
  }
  return UInt16(bigEndian: address.sin6_port)
}
