// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPServer
import Testing

/// What a client saw of an answer.
struct Answer: Sendable {
  var status: Int
  var headers: [String: String]
  var body: [UInt8]
  var text: String { String(decoding: body, as: UTF8.self) }
}

/// A way to ask a router: in memory or over a socket.
protocol TestClient: Sendable {
  func ask(_ method: HTTPMethod, _ target: String, body: [UInt8]) async throws -> Answer
}

extension TestClient {
  func ask(_ method: HTTPMethod, _ target: String) async throws -> Answer {
    try await ask(method, target, body: [])
  }
}

/// Asks the router itself.
struct MemoryClient: TestClient {
  let router: HTTPRouter

  func ask(_ method: HTTPMethod, _ target: String, body: [UInt8]) async throws -> Answer {
    let response = await router.respond(to: try #require(HTTPRequest(method, target, body: body)))
    let pairs = response.headers.fields.map { ($0.name.lowercased(), $0.value) }
    return Answer(
      status: response.status, headers: Dictionary(pairs) { $1 },
      body: method == .head ? [] : response.bodyBytes)
  }
}

/// Asks over a connection of its own.
struct SocketClient: TestClient {
  let port: UInt16

  func ask(_ method: HTTPMethod, _ target: String, body: [UInt8]) async throws -> Answer {
    let head =
      "\(method.rawValue) \(target) HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
      + (body.isEmpty ? "" : "Content-Length: \(body.count)\r\n") + "\r\n"
    let (port, bytes) = (port, Array(head.utf8) + body)
    let raw = try await onThread {
      let connection = try Connection(port: port)
      connection.write(bytes)
      return connection.readToEnd()
    }
    return try parse(raw)
  }
}

/// A blocking connection to this machine; not for Swift's own threads.
final class Connection {
  struct Refused: Error {}
  let descriptor: Int32

  init(port: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let code = withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard code == 0 else { throw Refused() }
  }

  deinit { close(descriptor) }

  func write(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      sent += count
    }
  }

  func readSome() -> [UInt8] {
    var chunk = [UInt8](repeating: 0, count: 65_536)
    return Array(chunk[..<max(0, read(descriptor, &chunk, chunk.count))])
  }

  func readToEnd() -> [UInt8] {
    var all: [UInt8] = []
    while true {
      let chunk = readSome()
      if chunk.isEmpty { return all }
      all += chunk
    }
  }
}

struct NoAnswer: Error {}

func parse(_ raw: [UInt8]) throws -> Answer {
  let mark = Array("\r\n\r\n".utf8)
  guard let split = raw.firstRange(of: mark) else { throw NoAnswer() }
  let lines = String(decoding: raw[..<split.lowerBound], as: UTF8.self)
    .split(separator: "\r\n")
  let headers = lines.dropFirst().map { line in
    let colon = line.firstIndex(of: ":") ?? line.endIndex
    return (line[..<colon].lowercased(), String(line[colon...].dropFirst(2)))
  }
  return Answer(
    status: Int(lines[0].split(separator: " ")[1]) ?? 0, headers: Dictionary(headers) { $1 },
    body: Array(raw[split.upperBound...]))
}

private final class Job {
  let body: () -> Void
  init(_ body: @escaping () -> Void) { self.body = body }
}

private func runJob(_ job: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  if let job { Unmanaged<Job>.fromOpaque(job).takeRetainedValue().body() }
  return nil
}

/// Runs what blocks on a thread of its own.
func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
  try await withCheckedThrowingContinuation { continuation in
    let job = Job { continuation.resume(with: Result { try body() }) }
    var thread = pthread_t()
    pthread_create(&thread, nil, runJob, Unmanaged.passRetained(job).toOpaque())
    pthread_detach(thread)
  }
}

/// A server that runs for the length of `body`.
func withServer(
  _ configuration: HTTPServer.Configuration = .init(), _ handler: @escaping HTTPHandler,
  _ body: (HTTPServer, UInt16) async throws -> Void
) async throws {
  let server = try HTTPServer(configuration, handler: handler)
  let port = try server.listen("127.0.0.1:0").port
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { try await server.run() }
    defer { server.stop() }
    try await body(server, port)
    server.stop()
    try await group.waitForAll()
  }
}
