// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Finds out why an address cannot be listened on: gRPC itself only logs it.
enum ListenFailure {
  /// The error, with address and reason.
  static func explain(_ address: String, _ credentials: GRPCServerCredentials) -> GRPCSetupError {
    let reason = address.hasPrefix("unix:") ? unixReason(address.dropFirst(5)) : tcpReason(address)
    if let reason { return GRPCSetupError("cannot listen on \(address): \(reason)") }
    guard case .tls = credentials else {
      return GRPCSetupError("cannot listen on \(address): gRPC refuses the address")
    }
    let refused = "the TLS certificate, key and roots are not valid PEM texts of one identity"
    return GRPCSetupError("cannot listen on \(address): \(refused)")
  }

  private static func unixReason(_ path: Substring) -> String? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let size = MemoryLayout.size(ofValue: address.sun_path)
    guard path.utf8.count < size else { return "the path is longer than \(size - 1) bytes" }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let length = socklen_t(MemoryLayout.size(ofValue: address))
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { tryBind($0, length, AF_UNIX) }
    }
  }

  private static func tcpReason(_ address: String) -> String? {
    guard let colon = address.lastIndex(of: ":") else { return "it is not of the form host:port" }
    let host = address[..<colon].filter { $0 != "[" && $0 != "]" }
    let port = String(address[address.index(after: colon)...])
    guard UInt16(port) != nil else { return "\(port) is not a port" }
    var hints = addrinfo()
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let failure = getaddrinfo(host.isEmpty ? nil : String(host), port, &hints, &found)
    guard failure == 0, let first = found?.pointee, let name = first.ai_addr else {
      return String(cString: gai_strerror(failure))
    }
    defer { freeaddrinfo(found) }
    return tryBind(name, first.ai_addrlen, first.ai_family)
  }

  /// Binds a socket of our own, and says why that fails; `nil` where it does not.
  private static func tryBind(
    _ address: UnsafePointer<sockaddr>, _ length: socklen_t, _ family: Int32
  ) -> String? {
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return String(cString: strerror(errno)) }
    defer { close(descriptor) }
    return bind(descriptor, address, length) == 0 ? nil : String(cString: strerror(errno))
  }
}
