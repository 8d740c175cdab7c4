// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

@testable import GRPC

/// How servers begin and end.
@Suite(.timeLimit(.minutes(1)))
struct ServerLifeTests {
  @Test func gracefulShutdownLetsACallFinishAndRefusesNewOnes() async throws {
    try await withServer("127.0.0.1:0") { server, port in
      let channel = try GRPCChannel("127.0.0.1:\(port)")
      let call = channel.stream(Echo.stream)
      var responses = call.responses.makeAsyncIterator()
      try await call.write(GRPCMessage([1]))
      #expect(try await responses.next()?.array == [1])
      #expect(server.activeStreams == 1)

      server.shutDownGracefully(within: .seconds(50))
      server.shutDownGracefully(within: .seconds(60))
      let late = try GRPCChannel("127.0.0.1:\(port)")
      #expect(await late.stream(Echo.stream).status.code == .unavailable)

      try await call.write(GRPCMessage([2]))
      #expect(try await responses.next()?.array == [2])
      try await call.finishWriting()
      #expect(try await responses.next() == nil)
      #expect(await call.status == .ok)
    }
  }

  @Test func deadlineOfTheShutdownCancelsWhatIsLeft() async throws {
    let server = try GRPCServer(methods: Echo.methods)
    let port = try server.listen("127.0.0.1:0")
    try await withThrowingTaskGroup { group in
      group.addTask { try await server.run() }
      let call = try GRPCChannel("127.0.0.1:\(port)").stream(Echo.stream)
      var responses = call.responses.makeAsyncIterator()
      try await call.write(GRPCMessage([1]))
      _ = try await responses.next()
      server.shutDownGracefully(within: .milliseconds(20))
      try await group.waitForAll()
      #expect(await !call.status.isOK)
      #expect(server.activeStreams == 0)
    }
  }

  @Test func cancelledRunEndsTheServer() async throws {
    let server = try GRPCServer(methods: Echo.methods)
    let port = try server.listen("127.0.0.1:0")
    let call = try GRPCChannel("127.0.0.1:\(port)").stream(Echo.stream)
    try await withThrowingTaskGroup { group in
      group.addTask { try await server.run() }
      try await call.write(GRPCMessage([1]))
      var responses = call.responses.makeAsyncIterator()
      _ = try await responses.next()
      group.cancelAll()
      try await group.waitForAll()
    }
    #expect(await !call.status.isOK)
  }

  @Test func shutdownBeforeRunAndServersThatNeverRan() async throws {
    let server = try GRPCServer(methods: Echo.methods)
    try server.listen("127.0.0.1:0")
    server.shutDownGracefully(within: .seconds(5))
    try await server.run()
    #expect(throws: GRPCSetupError.self) { try server.listen("127.0.0.1:0") }
    _ = try GRPCServer(methods: [])
    try GRPCServer(methods: []).listen("127.0.0.1:0")
  }

  @Test func aPortInUseIsNamedWithTheReason() async throws {
    let first = try GRPCServer(methods: [])
    let port = try first.listen("127.0.0.1:0")
    let second = try GRPCServer(methods: [])
    #expect(
      throws: GRPCSetupError("cannot listen on 127.0.0.1:\(port): Address already in use")
    ) {
      try second.listen("127.0.0.1:\(port)")
    }
    #expect(
      throws: GRPCSetupError("cannot listen on unix:/no/such/dir: No such file or directory")
    ) {
      try second.listen("unix:/no/such/dir")
    }
    #expect(throws: GRPCSetupError("cannot listen on nonsense: it is not of the form host:port")) {
      try second.listen("nonsense")
    }
  }

  @Test func emptyHostListensOnAllAddresses() async throws {
    try await withServer(":0") { _, port in
      let reply = try await GRPCChannel("127.0.0.1:\(port)").unary(Echo.unary, GRPCMessage([1]))
      #expect(reply.array == [1])
    }
  }

  @Test func nobodyListens() async throws {
    let server = try GRPCServer(methods: [])
    let port = try server.listen("127.0.0.1:0")
    server.shutDownGracefully(within: .zero)
    try await server.run()
    let status = try await GRPCChannel("127.0.0.1:\(port)").stream(Echo.unary).status
    #expect(status.code == .unavailable)
  }

  @Test func closedChannelRefusesCalls() async throws {
    let channel = try GRPCChannel("127.0.0.1:1")
    channel.close()
    channel.close()
    #expect(
      await channel.stream("/a/B").status == GRPCStatus(.unavailable, "the channel was closed"))
  }

  @Test func illegalHeaderFailsTheCall() async throws {
    try await withServer("127.0.0.1:0") { _, port in
      let channel = try GRPCChannel("127.0.0.1:\(port)")
      let call = channel.stream(Echo.unary, metadata: ["bad key": "x"])
      #expect(await call.status.code == .invalidArgument)
    }
  }

  @Test func coreLogsGoWhereTheyAreSent() async throws {
    let lines = Mutex<[String]>([])
    GRPCLog.redirect { severity, place, message in
      if severity == .error { lines.withLock { $0.append("\(place) \(message)") } }
    }
    let server = try GRPCServer(methods: [])
    #expect(throws: GRPCSetupError.self) { try server.listen("unix:/no/such/directory") }
    let all = lines.withLock { $0 }
    #expect(all.contains { $0.hasPrefix("chttp2_server.cc:") && $0.contains("/no/such/directory") })
  }

  @Test func manyConcurrentCalls() async throws {
    try await withServer("127.0.0.1:0") { server, port in
      let channel = try GRPCChannel("127.0.0.1:\(port)")
      try await withThrowingTaskGroup(of: Bool.self) { group in
        for index in 0..<500 {
          group.addTask {
            let sent = [UInt8(truncatingIfNeeded: index)]
            return try await channel.unary(Echo.unary, GRPCMessage(sent)).array == sent
          }
        }
        for try await same in group { #expect(same) }
      }
    }
  }
}
