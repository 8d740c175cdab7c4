// SPDX-License-Identifier: Apache-2.0
//
// Owner: the value owns its descriptor and closes it at its end. Threads: one, which blocks.

import Cryptography
import Glibc

/// A connection that blocks the thread that uses it, up to one deadline for all it does.
struct StreamConnection: ~Copyable {
  private let descriptor: Int32
  private let deadline: ContinuousClock.Instant
  private var tls: UnverifiedTLSClient?

  /// Connects to an address.
  ///
  /// - Parameter local: The address to connect from; nil for the system's choice.
  init(
    _ address: SocketAddress, from local: IPAddress? = nil, deadline: ContinuousClock.Instant
  ) throws(AgentError) {
    self.deadline = deadline
    descriptor = socket(
      address.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw AgentError("no socket can be had") }
    if let local, local.isVersion6 == address.address.isVersion6 {
      let isBound = SocketAddress(local, 0).withRaw { bind(descriptor, $0, $1) == 0 }
      guard isBound else { throw AgentError("no connection can be made from \(local)") }
    }
    limit()
    guard address.withRaw({ connect(descriptor, $0, $1) == 0 }) else {
      throw AgentError("no connection to \(address): \(String(cString: strerror(errno)))")
    }
  }

  deinit {
    tls?.end()
    close(descriptor)
  }

  /// Goes on by TLS, whoever the other side is.
  mutating func secure(serverName: String?) throws(AgentError) {
    do throws(CryptographyError) {
      tls = try UnverifiedTLSClient(descriptor: descriptor, serverName: serverName)
    } catch {
      throw AgentError(error.description)
    }
  }

  /// Writes all bytes; false where they cannot be.
  func write(_ bytes: [UInt8]) -> Bool {
    limit()
    if let tls { return tls.write(bytes) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  /// The next bytes; nil at the end, or where the time is over.
  func read() -> [UInt8]? {
    guard .now < deadline else { return nil }
    limit()
    if let tls { return tls.read() }
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return count > 0 ? Array(buffer[..<count]) : nil
  }

  /// Lets no call take longer than what is left of the time.
  private func limit() {
    let left = max(.milliseconds(1), deadline - .now).components
    var limit = timeval(
      tv_sec: Int(left.seconds), tv_usec: Int(left.attoseconds / 1_000_000_000_000))
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
  }
}
