// SPDX-License-Identifier: Apache-2.0

import Bytes
import Glibc
import HTTPServer
import Synchronization
import Testing

@Suite struct HTTPServerTests {
  /// Lets one waiter go on.
  struct Gate: Sendable {
    private let pair = AsyncStream.makeStream(of: Void.self)
    func open() { pair.continuation.finish() }
    func wait() async { for await _ in pair.stream {} }
  }

  @Test func requestCarriesItsParts() async throws {
    try await withServer(.init()) { request in
      let header = request.headers["x-TEST"] ?? "none"
      return .text("\(request.method) \(header) \(request.peer.isLoopback) \(request.body)")
    } _: { (_, port) async throws in
      let raw = try await onThread {
        let connection = try Connection(port: port)
        connection.write(
          Array(
            ("PUT /x HTTP/1.1\r\nHost: h\r\nX-Test: yes\r\nTransfer-Encoding: chunked\r\n"
              + "Connection: close\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n").utf8))
        return connection.readToEnd()
      }
      #expect(try parse(raw).text == "put yes true [97, 98, 99]")
    }
  }

  @Test func connectionServesSeveralRequests() async throws {
    try await withServer(.init()) {
      .text($0.path)
    } _: { (_, port) async throws in
      let raw = try await onThread {
        let connection = try Connection(port: port)
        let get = { (path: String, more: String) in
          Array("GET \(path) HTTP/1.1\r\nHost: h\r\n\(more)\r\n".utf8)
        }
        connection.write(get("/one", ""))
        let first = connection.readSome()
        connection.write(get("/two", "Connection: close\r\n"))
        return (first, connection.readToEnd())
      }
      #expect(try parse(raw.0).text == "/one")
      #expect(try parse(raw.1).text == "/two")
    }
  }

  @Test func largeBodyIsLentNotCopied() async throws {
    let count = 12 * 1024 * 1024
    let shared = SharedBytes(capacity: count) { memory in
      for index in stride(from: 0, to: count, by: 4096) {
        memory[index] = UInt8(index >> 12 & 0xFF)
      }
      return count
    }
    try await withServer(.init()) { _ in
      HTTPResponse(
        status: 200, body: [ByteSlice(shared), ByteSlice(shared, offset: 4096, count: 1)])
    } _: { (_, port) async throws in
      let answer = try await SocketClient(port: port).ask(.get, "/")
      #expect(answer.body.count == count + 1)
      #expect(answer.headers["content-length"] == String(count + 1))
      #expect(answer.body[4096] == 1 && answer.body.last == 1)
    }
  }

  @Test func limitsAreKept() async throws {
    var configuration = HTTPServer.Configuration()
    configuration.maxBodyBytes = 1000
    configuration.maxHeaderBytes = 1000
    try await withServer(configuration) {
      .text("\($0.body.count)")
    } _: { (_, port) async throws in
      let client = SocketClient(port: port)
      let fits = [UInt8](repeating: 65, count: 1000)
      #expect(try await client.ask(.post, "/", body: fits).text == "1000")
      #expect(try await client.ask(.post, "/", body: fits + [1]).status == 413)
      let long = "/" + String(repeating: "x", count: 2000)
      #expect(try await client.ask(.get, long).status == 400)
      #expect(try await client.ask(.get, "/").text == "0")
    }
  }

  @Test func clientThatLeavesIsForgotten() async throws {
    let (arrived, left) = (Gate(), Gate())
    try await withServer(.init()) { request in
      guard request.path == "/slow" else { return .text("fast") }
      arrived.open()
      await left.wait()
      return .text(String(repeating: "late", count: 1_000_000))
    } _: { (_, port) async throws in
      let descriptor = try await onThread {
        let connection = try Connection(port: port)
        connection.write(Array("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n".utf8))
        // A reset, not an orderly end.
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
          connection.descriptor, SOL_SOCKET, SO_LINGER, &linger,
          socklen_t(MemoryLayout.size(ofValue: linger)))
        return dup(connection.descriptor)
      }
      await arrived.wait()
      close(descriptor)
      left.open()
      for _ in 0..<5 {
        #expect(try await SocketClient(port: port).ask(.get, "/").text == "fast")
      }
    }
  }

  @Test func stopLetsAnswersFinish() async throws {
    let (arrived, stopped) = (Gate(), Gate())
    try await withServer(.init()) { _ in
      arrived.open()
      await stopped.wait()
      return .text("finished")
    } _: { server, port in
      async let answer = SocketClient(port: port).ask(.get, "/")
      await arrived.wait()
      server.stop()
      stopped.open()
      let text = try await answer.text
      #expect(text == "finished")
    }
  }

  @Test func stopDoesNotWaitForEver() async throws {
    var configuration = HTTPServer.Configuration()
    configuration.drainTimeout = .milliseconds(1)
    let arrived = Gate()
    let server = try HTTPServer(configuration) { _ in
      arrived.open()
      await Gate().wait()  // until it is cancelled
      return .text("nobody hears")
    }
    let port = try server.listen("127.0.0.1:0").port
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      group.addTask {
        await #expect(throws: NoAnswer.self) { try await SocketClient(port: port).ask(.get, "/") }
      }
      await arrived.wait()
      server.stop()
      try await group.waitForAll()
    }
  }

  @Test func connectionsBeyondTheLimitWait() async throws {
    var configuration = HTTPServer.Configuration()
    configuration.maxConnections = 2
    try await withServer(configuration) {
      .text($0.path)
    } _: { (_, port) async throws in
      let texts = try await onThread {
        // Two silent connections fill the server; a third is served once one of them has gone.
        let get = Array("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".utf8)
        var silent = [try Connection(port: port), try Connection(port: port)]
        silent[0].write(Array("GET /first HTTP/1.1\r\nHost: h\r\n\r\n".utf8))
        let first = silent[0].readSome()
        let third = try Connection(port: port)
        third.write(get)
        var waiting = pollfd(fd: third.descriptor, events: Int16(POLLIN), revents: 0)
        let early = poll(&waiting, 1, 50)
        silent.removeFirst()
        return (first, early, third.readToEnd())
      }
      #expect(try parse(texts.0).text == "/first")
      #expect(texts.1 == 0)
      #expect(try parse(texts.2).text == "/x")
    }
  }

  @Test func silentConnectionsAreClosed() async throws {
    var configuration = HTTPServer.Configuration()
    configuration.idleTimeout = .seconds(1)
    try await withServer(configuration) {
      .text($0.path)
    } _: { (_, port) async throws in
      let rest = try await onThread { try Connection(port: port).readToEnd() }
      #expect(rest.isEmpty)
    }
  }

  @Test func manyAtATime() async throws {
    try await withServer(.init()) {
      .text($0.path)
    } _: { (_, port) async throws in
      try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 0..<64 {
          group.addTask {
            try await SocketClient(port: port).ask(.get, "/\(number)").text == "/\(number)"
          }
        }
        for try await isRight in group { #expect(isRight) }
      }
    }
  }

  @Test func serverThatNeverRanIsFreed() throws {
    let server = try HTTPServer { _ in .text("") }
    try server.listen("127.0.0.1:0")
    server.stop()
  }
}

@Suite struct ListenAddressTests {
  @Test(arguments: [
    (":8080", "", 8080), ("127.0.0.1:0", "127.0.0.1", 0), ("[::]:15014", "::", 15014),
    ("localhost:9876", "localhost", 9876),
  ])
  func reading(text: String, host: String, port: UInt16) throws {
    let address = try ListenAddress(parsing: text)
    #expect(address == ListenAddress(host: host, port: port))
    #expect(address.description == text)
  }

  @Test(arguments: ["", "8080", "host", "::1:80", "[::1]", "a:b", "a:70000", "a:-1", "[::1:80"])
  func refused(text: String) {
    #expect(throws: HTTPServerError.invalidAddress(text)) { try ListenAddress(parsing: text) }
  }

  @Test(arguments: [":0", "127.0.0.1:0", "localhost:0"])
  func listening(text: String) async throws {
    let server = try HTTPServer { _ in .text("here") }
    let bound = try server.listen(text)
    #expect(bound.port != 0)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      defer { server.stop() }
      if text != "localhost:0" {  // which may be ::1
        let answer = try await SocketClient(port: bound.port).ask(.get, "/")
        #expect(answer.text == "here")
      }
    }
  }

  @Test func takenPortIsNamed() throws {
    let first = try HTTPServer { _ in .text("") }
    let second = try HTTPServer { _ in .text("") }
    let address = try first.listen("127.0.0.1:0").description
    #expect(
      throws: HTTPServerError.cannotListen(address: address, reason: "Address already in use")
    ) { try second.listen(address) }
  }
}
