// SPDX-License-Identifier: Apache-2.0

import Bytes
import CGRPC
import Synchronization
import Testing

@testable import GRPC

/// How calls end before their time, and what holds them back.
@Suite(.timeLimit(.minutes(1)))
struct CallLifeTests {
  @Test(arguments: Transport.allCases)
  func serverSeesTheClientCancel(_ transport: Transport) async throws {
    let reading = OneShot<Void>()
    let seen = OneShot<GRPCStatus>()
    let method = GRPCMethod(path: "/t/Wait") { call in
      do throws(GRPCStatus) {
        for try await _ in call.requests { reading.fulfil(()) }
        return .ok
      } catch {
        seen.fulfil(error)
        return error
      }
    }
    try await withClient(transport, [method]) { client in
      let call = client.stream("/t/Wait")
      try await call.write(GRPCMessage([1]))
      await reading.wait()
      call.cancel()
      #expect(await seen.wait().code == .cancelled)
      #expect(await call.status.code == .cancelled)
    }
  }

  @Test(arguments: Transport.allCases)
  func handlerThatDoesNotReadIsCancelledToo(_ transport: Transport) async throws {
    let running = OneShot<Void>()
    let done = OneShot<Bool>()
    let never = OneShot<Void>()
    let method = GRPCMethod(path: "/t/Idle") { call in
      running.fulfil(())
      _ = await never.waitUnlessCancelled()
      done.fulfil(Task.isCancelled)
      return .ok
    }
    try await withClient(transport, [method]) { client in
      let call = client.stream("/t/Idle")
      await running.wait()
      call.cancel()
      #expect(await done.wait())
    }
  }

  @Test(arguments: Transport.allCases)
  func droppedStreamCancelsTheCall(_ transport: Transport) async throws {
    let running = OneShot<Void>()
    let seen = OneShot<GRPCStatus?>()
    let method = GRPCMethod(path: "/t/Wait") { call in
      running.fulfil(())
      do throws(GRPCStatus) {
        for try await _ in call.requests {}
        seen.fulfil(nil)
      } catch {
        seen.fulfil(error)
      }
      return .ok
    }
    try await withClient(transport, [method]) { client in
      try await client.stream("/t/Wait").write(GRPCMessage([1]))
      #expect(await seen.wait()?.code == .cancelled)
    }
  }

  @Test(arguments: Transport.allCases)
  func cancelledTaskCancelsTheCall(_ transport: Transport) async throws {
    let running = OneShot<Void>()
    let closed = OneShot<GRPCStatus?>()
    let method = GRPCMethod(path: "/t/Wait") { call in
      running.fulfil(())
      do throws(GRPCStatus) {
        for try await _ in call.requests {}
        closed.fulfil(nil)
      } catch {
        closed.fulfil(error)
      }
      return .ok
    }
    try await withClient(transport, [method]) { client in
      let call = client.stream("/t/Wait")
      await withTaskGroup { group in
        group.addTask {
          var responses = call.responses.makeAsyncIterator()
          await #expect(throws: GRPCStatus.self) { try await responses.next() }
        }
        await running.wait()
        group.cancelAll()
      }
      #expect(await closed.wait()?.code == .cancelled)
    }
  }

  @Test(arguments: Transport.allCases)
  func abandonedServerReadLosesNoMessage(_ transport: Transport) async throws {
    let running = OneShot<Void>()
    let method = GRPCMethod(path: "/t/Abandon") { call in
      let waiting = OneShot<Void>()
      await withTaskGroup { group in
        group.addTask {
          waiting.fulfil(())
          _ = await call.backend.read()
        }
        await waiting.wait()
        group.cancelAll()
      }
      running.fulfil(())
      var requests = call.requests.makeAsyncIterator()
      do throws(GRPCStatus) {
        guard let message = try await requests.next() else { return GRPCStatus(.dataLoss) }
        try await call.write(message)
        return GRPCStatus(.aborted, "as the server wants")
      } catch {
        return error
      }
    }
    try await withClient(transport, [method]) { client in
      let call = client.stream("/t/Abandon")
      await running.wait()
      try await call.write(GRPCMessage([7]))
      var responses = call.responses.makeAsyncIterator()
      #expect(try await responses.next()?.array == [7])
      #expect(await call.status == GRPCStatus(.aborted, "as the server wants"))
    }
  }

  @Test(arguments: Transport.allCases)
  func deadlineEndsBothSides(_ transport: Transport) async throws {
    let seen = OneShot<(Bool, GRPCStatus.Code?)>()
    let method = GRPCMethod(path: "/t/Wait") { call in
      do throws(GRPCStatus) {
        for try await _ in call.requests {}
        seen.fulfil((call.deadline != nil, nil))
      } catch {
        seen.fulfil((call.deadline != nil, error.code))
      }
      return .ok
    }
    try await withClient(transport, [method]) { client in
      // Connected and known to the server first, so that the deadline is not spent on that.
      _ = await client.stream("/t/Missing").status
      let call = client.stream(
        "/t/Wait", metadata: GRPCMetadata(), deadline: .now + .milliseconds(300))
      #expect(await call.status.code == .deadlineExceeded)
      let (hasDeadline, code) = await seen.wait()
      #expect(hasDeadline)
      #expect(code == .cancelled || code == .deadlineExceeded)
    }
  }

  @Test(arguments: [Transport.tcp, .unix])
  func oversizedMessageEndsTheCall(_ transport: Transport) async throws {
    var configuration = GRPCServerConfiguration()
    configuration.maxReceiveMessageSize = 1000
    try await withClient(transport, configuration: configuration) { client in
      let fits = [UInt8](repeating: 1, count: 1000)
      let reply = try await client.unary(Echo.unary, GRPCMessage(fits))
      #expect(reply.array == fits)
      await #expect {
        try await client.unary(Echo.unary, GRPCMessage(fits + [1]))
      } throws: {
        ($0 as? GRPCStatus)?.code == .resourceExhausted
      }
    }
  }

  @Test func compressedMessagesAreRefused() async throws {
    var configuration = GRPCChannelConfiguration()
    configuration.overrides = [
      .number("grpc.compression_enabled_algorithms_bitset", 7),
      .number("grpc.default_compression_algorithm", 2),
    ]
    let answered = Mutex(false)
    let method = GRPCMethod.unary(Echo.unary) { request, _ in
      answered.withLock { $0 = true }
      return request
    }
    try await withServer("127.0.0.1:0", [method]) { [configuration] _, port in
      let channel = try GRPCChannel("127.0.0.1:\(port)", configuration: configuration)
      let message = GRPCMessage([UInt8](repeating: 0, count: 100_000))
      await #expect {
        try await channel.unary(Echo.unary, message)
      } throws: {
        ($0 as? GRPCStatus)?.code == .unimplemented
      }
    }
    #expect(!answered.withLock { $0 })
  }

  @Test(arguments: Transport.allCases)
  func slowReaderHoldsTheWriterBack(_ transport: Transport) async throws {
    let count = 160
    let written = Mutex(0)
    let method = GRPCMethod(path: "/t/Flood") { call in
      let message = GRPCMessage([UInt8](repeating: 1, count: 256 << 10))
      for _ in 0..<count {
        guard case .success = await call.backend.write(message) else { break }
        written.withLock { $0 += 1 }
      }
      return .ok
    }
    try await withClient(transport, Echo.methods + [method]) { client in
      let call = client.stream("/t/Flood")
      var responses = call.responses.makeAsyncIterator()
      _ = try await responses.next()
      for _ in 0..<300 { _ = try await client.unary(Echo.unary, GRPCMessage([1])) }
      // A flow-control window and the buffers of two sockets; far from all that is to come.
      #expect(written.withLock { $0 } < count / 4)
      var read = 1
      while let message = try await responses.next() {
        #expect(message.count == 256 << 10)
        read += 1
      }
      #expect(read == count)
    }
  }

  @Test(arguments: Transport.allCases)
  func sharedBytesAreReleasedAfterTheSend(_ transport: Transport) async throws {
    try await withClient(transport) { client in
      weak var sent: SharedBytes?
      do {
        let bytes = SharedBytes([UInt8](repeating: 5, count: 100_000))
        sent = bytes
        let reply = try await client.unary(Echo.unary, GRPCMessage([ByteSlice(bytes)]))
        #expect(reply.count == 100_000)
      }
      while sent != nil { await Task.yield() }
    }
  }

  @Test func sentBytesAreNotCopied() throws {
    let bytes = SharedBytes([UInt8](repeating: 5, count: 1 << 20))
    let buffer = try #require(makeByteBuffer(GRPCMessage([ByteSlice(bytes)])))
    defer { grpc_byte_buffer_destroy(buffer) }
    let slice = try #require(buffer.pointee.data.raw.slice_buffer.slices).pointee
    #expect(UnsafeRawPointer(slice.data.refcounted.bytes) == bytes.baseAddress)
  }

  @Test(arguments: Transport.allCases)
  func secondWriterIsRefused(_ transport: Transport) async throws {
    let release = OneShot<Void>()
    let method = GRPCMethod(path: "/t/Sleep") { call in
      _ = await release.waitUnlessCancelled()
      return .ok
    }
    try await withClient(transport, [method]) { client in
      let call = client.stream("/t/Sleep")
      let big = GRPCMessage([UInt8](repeating: 1, count: 3 << 20))
      // Of writers that block, one is taken and the others are told of their mistake.
      let failures = await withTaskGroup(of: GRPCStatus?.self) { group in
        for _ in 0..<4 {
          group.addTask {
            if case .failure(let error) = await call.backend.write(big) { return error }
            return nil
          }
        }
        var codes: [GRPCStatus.Code?] = []
        for await failure in group {
          codes.append(failure?.code)
          if failure?.code == .internal { call.cancel() }
        }
        return codes
      }
      #expect(failures.contains(.internal))
      release.fulfil(())
    }
  }
}
