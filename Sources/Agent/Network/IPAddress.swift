// SPDX-License-Identifier: Apache-2.0

import Glibc

/// An address of IPv4 or IPv6.
struct IPAddress: Hashable, Sendable, CustomStringConvertible {
  /// Its 4 or 16 bytes.
  let bytes: [UInt8]

  /// The address of a text; nil where it is none.
  init?(_ text: String) {
    var buffer = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, text, &buffer) == 1 {
      bytes = Array(buffer[..<4])
    } else if inet_pton(AF_INET6, text, &buffer) == 1 {
      bytes = buffer
    } else {
      return nil
    }
  }

  /// An address of 4 or 16 bytes.
  init(bytes: [UInt8]) { self.bytes = bytes }

  /// Whether it is of IPv6.
  var isVersion6: Bool { bytes.count == 16 }

  /// Whether only this machine, or this link, can reach it.
  var isLocal: Bool {
    guard isVersion6 else { return bytes[0] == 127 || (bytes[0] == 169 && bytes[1] == 254) }
    let isLoopback = bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] <= 1
    return isLoopback || (bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80)
  }

  var description: String {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    _ = inet_ntop(isVersion6 ? AF_INET6 : AF_INET, bytes, &text, socklen_t(text.count))
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// What the system's resolver knows of a host, an address of IPv4 where there is one; nil where it knows
  /// none (getaddrinfo(3)).
  static func of(host: String) -> IPAddress? {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &list) == 0 else { return nil }
    defer { freeaddrinfo(list) }
    var found: [IPAddress] = []
    var entry = list
    while let current = entry?.pointee {
      let raw = current.ai_addr.flatMap { SocketAddress(raw: UnsafePointer($0)) }
      if let address = raw?.address { found.append(address) }
      entry = current.ai_next
    }
    return found.first { !$0.isVersion6 } ?? found.first
  }

  /// The addresses of this machine's interfaces that others can reach, IPv4 first (getifaddrs(3)).
  ///
  /// - Parameter excluded: The interfaces that do not count, by name.
  static func ofInterfaces(except excluded: Set<String> = []) -> [IPAddress] {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return [] }
    defer { freeifaddrs(list) }
    var found: [IPAddress] = []
    var entry = list
    while let current = entry?.pointee {
      if let address = current.ifa_addr.flatMap({ SocketAddress(raw: UnsafePointer($0)) })?.address,
        !address.isLocal, !found.contains(address),
        !excluded.contains(String(cString: current.ifa_name))
      {
        found.append(address)
      }
      entry = current.ifa_next
    }
    return found.filter { !$0.isVersion6 } + found.filter(\.isVersion6)
  }
}

/// An address and a port.
struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
  var address: IPAddress
  var port: UInt16

  /// An address and a port.
  init(_ address: IPAddress, _ port: UInt16) { (self.address, self.port) = (address, port) }

  /// What a C structure says; nil where it is of another family.
  init?(raw: UnsafePointer<sockaddr>) {
    switch Int32(raw.pointee.sa_family) {
    case AF_INET:
      self = raw.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { pointer in
        let bytes = withUnsafeBytes(of: pointer.pointee.sin_addr) { Array($0) }
        return SocketAddress(IPAddress(bytes: bytes), UInt16(bigEndian: pointer.pointee.sin_port))
      }
    case AF_INET6:
      self = raw.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { pointer in
        let bytes = withUnsafeBytes(of: pointer.pointee.sin6_addr) { Array($0) }
        return SocketAddress(IPAddress(bytes: bytes), UInt16(bigEndian: pointer.pointee.sin6_port))
      }
    default: return nil
    }
  }

  /// The family for socket(2).
  var family: Int32 { address.isVersion6 ? AF_INET6 : AF_INET }

  var description: String { address.isVersion6 ? "[\(address)]:\(port)" : "\(address):\(port)" }

  /// Calls with the C structure and its size.
  func withRaw<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    guard address.isVersion6 else {
      var raw = sockaddr_in()
      raw.sin_family = sa_family_t(AF_INET)
      raw.sin_port = port.bigEndian
      withUnsafeMutableBytes(of: &raw.sin_addr) { $0.copyBytes(from: address.bytes) }
      return SocketAddress.pass(&raw, body)
    }
    var raw = sockaddr_in6()
    raw.sin6_family = sa_family_t(AF_INET6)
    raw.sin6_port = port.bigEndian
    withUnsafeMutableBytes(of: &raw.sin6_addr) { $0.copyBytes(from: address.bytes) }
    return SocketAddress.pass(&raw, body)
  }

  private static func pass<T, R>(
    _ raw: inout T, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
  ) -> R {
    withUnsafePointer(to: &raw) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<T>.size))
      }
    }
  }
}
