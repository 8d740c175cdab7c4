// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A DNS server on a loopback port that answers over UDP from a table.
final class FakeNameServer: Sendable {
  /// What is answered to a question.
  struct Reply: Sendable {
    /// Octets of addresses, each in a record of its own.
    var addresses: [[UInt8]] = []
    /// The lifetime of these records, in seconds.
    var seconds: UInt32 = 60
    /// The response code (RFC 1035 §4.1.1).
    var code: UInt8 = 0
    /// The lifetime of a record of authority; nil for none.
    var authoritySeconds: UInt32?
  }

  /// Where it listens, as `ADDRESS:PORT`.
  let address: String
  private let descriptor: Int32
  private let replies: Mutex<[String: Reply]>

  /// Starts a server that answers from a table, and that nothing else exists.
  ///
  /// - Parameter replies: By `NAME/TYPE`, with the number of the type.
  init(_ replies: [String: Reply]) {
    self.replies = Mutex(replies)
    descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let own = descriptor
    withUnsafeMutablePointer(to: &place) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
        _ = bind(own, place, length)
        getsockname(own, place, &length)
      }
    }
    address = "127.0.0.1:\(UInt16(bigEndian: place.sin_port))"
  }

  deinit { close(descriptor) }

  /// Answers this many questions, on a thread of its own.
  func answer(_ count: Int) {
    Thread.start { for _ in 0..<count { self.answerOne() } }
  }

  private func answerOne() {
    var bytes = [UInt8](repeating: 0, count: 512)
    var sender = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &sender) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { sender in
        let count = recvfrom(descriptor, &bytes, bytes.count, 0, sender, &length)
        guard count > 12 else { return }
        let message = reply(to: Array(bytes[..<count]))
        _ = sendto(descriptor, message, message.count, 0, sender, length)
      }
    }
  }

  private func reply(to question: [UInt8]) -> [UInt8] {
    var labels: [String] = []
    var at = 12
    while question[at] != 0 {
      let end = at + 1 + Int(question[at])
      labels.append(String(decoding: question[(at + 1)..<end], as: UTF8.self))
      at = end
    }
    let type = question[at + 2]
    let known = replies.withLock { $0["\(labels.joined(separator: "."))/\(type)"] }
    let reply = known ?? Reply(code: 3)
    var message = question[..<2] + [0x81, 0x80 | reply.code, 0, 1, 0, UInt8(reply.addresses.count)]
    message += [0, reply.authoritySeconds == nil ? 0 : 1, 0, 0]
    message += question[12..<(at + 5)]
    for address in reply.addresses {
      message += [0xC0, 12, 0, type, 0, 1] + octets(reply.seconds) + [0, UInt8(address.count)]
      message += address
    }
    if let seconds = reply.authoritySeconds {
      message += [0xC0, 12, 0, 16, 0, 1] + octets(seconds) + [0, 2, 1, 0x78]
    }
    return Array(message)
  }

  private func octets(_ number: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
  }
}

/// A thread that runs a closure and ends.
private final class Thread: Sendable {
  private let body: @Sendable () -> Void

  private init(_ body: @escaping @Sendable () -> Void) { self.body = body }

  static func start(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let context = Unmanaged.passRetained(Thread(body)).toOpaque()
    let failure = pthread_create(&thread, nil, runThread, context)
    precondition(failure == 0, "no thread: \(failure)")
    pthread_detach(thread)
  }

  func run() { body() }
}

private func runThread(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let context else { return nil }
  Unmanaged<Thread>.fromOpaque(context).takeRetainedValue().run()
  return nil
}
