// SPDX-License-Identifier: Apache-2.0

import CResolverShims
import Glibc

/// Asks DNS, on threads of its own: nobody else waits.
public struct NameResolver: Sendable {
  private let servers: [String]?

  /// A resolver that asks these servers, each `ADDRESS:PORT` with an IPv4 address.
  ///
  /// - Parameter servers: nil for those of `/etc/resolv.conf`, read anew for each question.
  public init(servers: [String]? = nil) { self.servers = servers }

  /// The IPv4 and IPv6 addresses of a fully qualified name (RFC 1035 A, RFC 3596 AAAA).
  ///
  /// Each server is given five seconds; search domains and `/etc/hosts` do not count.
  public func resolve(_ name: String) async -> NameAnswer {
    async let one = answer(name, isIPv6: false)
    async let other = answer(name, isIPv6: true)
    return await NameAnswer(one, other)
  }

  private func answer(_ name: String, isIPv6: Bool) async -> NameAnswer {
    await withCheckedContinuation { continuation in
      NameQuestion(name: name, isIPv6: isIPv6, servers: servers) {
        continuation.resume(returning: $0)
      }.ask()
    }
  }
}

/// One question, and who waits for its answer.
private final class NameQuestion: Sendable {
  private let name: String
  private let isIPv6: Bool
  private let servers: [String]?
  private let finish: @Sendable (NameAnswer) -> Void

  init(
    name: String, isIPv6: Bool, servers: [String]?,
    finish: @escaping @Sendable (NameAnswer) -> Void
  ) {
    self.name = name
    self.isIPv6 = isIPv6
    self.servers = servers
    self.finish = finish
  }

  /// Starts the thread that asks.
  func ask() {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    let context = Unmanaged.passRetained(self)
    var thread = pthread_t()
    guard pthread_create(&thread, &attributes, nameQuestionThread, context.toOpaque()) != 0 else {
      return
    }
    context.release()
    finish(NameAnswer(addresses: nil, lifetime: nil))
  }

  /// Asks, waits, and tells.
  func run() {
    var answer = cresolvershims_answer()
    withServers { servers, count in
      cresolvershims_query(name, isIPv6 ? 1 : 0, servers, count, &answer)
    }
    guard answer.outcome != CRESOLVERSHIMS_FAILED else {
      return finish(NameAnswer(addresses: nil, lifetime: nil))
    }
    finish(
      NameAnswer(
        addresses: addresses(of: &answer).sorted(),
        lifetime: answer.has_records != 0 ? .seconds(answer.seconds) : nil))
  }

  private func addresses(of answer: inout cresolvershims_answer) -> [String] {
    let count = Int(answer.count)
    return withUnsafeBytes(of: &answer.addresses) { bytes in
      (0..<count).map { index in
        let text = bytes.dropFirst(index * Int(CRESOLVERSHIMS_TEXT)).prefix { $0 != 0 }
        return String(decoding: text, as: UTF8.self)
      }
    }
  }

  private func withServers(
    _ body: (UnsafePointer<UnsafePointer<CChar>?>?, Int32) -> Void
  ) {
    guard let servers else { return body(nil, 0) }
    let copies = servers.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    copies.map { UnsafePointer($0) }.withUnsafeBufferPointer {
      body($0.baseAddress, Int32($0.count))
    }
  }
}

private func nameQuestionThread(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let context else { return nil }
  cresolvershims_name_thread("name-question")
  Unmanaged<NameQuestion>.fromOpaque(context).takeRetainedValue().run()
  return nil
}
