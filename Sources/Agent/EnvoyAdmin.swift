// SPDX-License-Identifier: Apache-2.0
//
// Owner: each call opens one descriptor and closes it. Threads: any; a call blocks for a second at
// most.

import Glibc

/// Envoy's admin page, which is on this machine's loopback.
struct EnvoyAdmin: Sendable {
  /// Its port.
  var port: Int

  /// Whether Envoy serves: it has been given all that it waits for at its start.
  var isReady: Bool { request("GET", "/ready").map { $0.status == 200 } ?? false }

  /// Asks Envoy to finish what is under way and to take nothing new.
  func drain() { _ = request("POST", "/drain_listeners?graceful&skip_exit") }

  /// Envoy's metrics in Prometheus' format; empty where it does not answer.
  var metrics: String { request("GET", "/stats/prometheus")?.body ?? "" }

  private func request(_ method: String, _ path: String) -> (status: Int, body: String)? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var limit = timeval(tv_sec: 1, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(
        descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
    guard connect(descriptor) else { return nil }
    // Envoy refuses HTTP/1.0, whose answers would end with the connection without more ado.
    let text = Array(
      "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
    guard send(descriptor, text, text.count, Int32(MSG_NOSIGNAL)) == text.count else {
      return nil
    }
    return EnvoyAdmin.parse(readAll(descriptor))
  }

  private func connect(_ descriptor: Int32) -> Bool {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port)).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  private func readAll(_ descriptor: Int32) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(descriptor, &chunk, chunk.count, 0)
      guard count > 0 else { return bytes }
      bytes += chunk[..<count]
    }
  }

  /// The status and the body of an answer that is whole.
  static func parse(_ bytes: [UInt8]) -> (status: Int, body: String)? {
    let gap = Array("\r\n\r\n".utf8)
    guard let end = bytes.indices.first(where: { bytes[$0...].starts(with: gap) }) else {
      return nil
    }
    let head = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
    let words = head.first?.split(separator: " ") ?? []
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
      return nil
    }
    let isChunked = head.contains { $0.lowercased() == "transfer-encoding: chunked" }
    let body = bytes[(end + gap.count)...]
    return (status, String(decoding: isChunked ? joined(body) : Array(body), as: UTF8.self))
  }

  /// The content of chunks, each of which says its size in hexadecimal on a line of its own.
  private static func joined(_ chunks: ArraySlice<UInt8>) -> [UInt8] {
    var (rest, content) = (chunks, [UInt8]())
    while let end = rest.firstIndex(of: UInt8(ascii: "\r")) {
      let line = String(decoding: rest[..<end], as: UTF8.self)
      guard let size = Int(line, radix: 16), size > 0 else { break }
      rest = rest[end...].dropFirst(2)
      content += rest.prefix(size)
      rest = rest.dropFirst(size + 2)
    }
    return content
  }
}
