// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import GRPC

@Suite(.timeLimit(.minutes(1)))
struct EchoTests {
  @Test(arguments: Transport.allCases)
  func unary(_ transport: Transport) async throws {
    try await withClient(transport) { client in
      let reply = try await client.unary(Echo.unary, GRPCMessage([1, 2, 3]))
      #expect(reply.array == [1, 2, 3])
    }
  }

  @Test(arguments: Transport.allCases)
  func emptyMessage(_ transport: Transport) async throws {
    try await withClient(transport) { client in
      let reply = try await client.unary(Echo.unary, GRPCMessage.empty)
      #expect(reply.count == 0)
    }
  }

  @Test(arguments: Transport.allCases)
  func bidirectionalStream(_ transport: Transport) async throws {
    try await withClient(transport) { client in
      let call = client.stream(Echo.stream)
      var responses = call.responses.makeAsyncIterator()
      for index in 0..<100 {
        let sent = [UInt8](repeating: UInt8(index), count: index * 100)
        try await call.write(GRPCMessage(sent))
        #expect(try await responses.next()?.array == sent)
      }
      try await call.finishWriting()
      #expect(try await responses.next() == nil)
      #expect(await call.status == .ok)
    }
  }

  @Test(arguments: Transport.allCases)
  func slicesAreOneMessage(_ transport: Transport) async throws {
    try await withClient(transport) { client in
      let bytes = SharedBytes([9, 1, 2, 3, 9])
      let message = GRPCMessage([
        ByteSlice(bytes, offset: 1, count: 2), ByteSlice(bytes, offset: 0, count: 0),
        ByteSlice(bytes, offset: 3, count: 1),
      ])
      let reply = try await client.unary(Echo.unary, message)
      #expect(reply.array == [1, 2, 3])
    }
  }

  @Test(arguments: Transport.allCases)
  func statusAndMessageReachTheClient(_ transport: Transport) async throws {
    try await withClient(transport) { client in
      await #expect(throws: GRPCStatus(.permissionDenied, "not für you\n")) {
        try await client.unary(Echo.fail, GRPCMessage([1]))
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func unknownMethodIsNamed(_ transport: Transport) async throws {
    try await withClient(transport) { client in
      let call = client.stream("/test.Echo/Missing")
      #expect(
        await call.status
          == GRPCStatus(.unimplemented, "this server has no method /test.Echo/Missing"))
    }
  }

  @Test(arguments: Transport.allCases)
  func metadataReachesTheServer(_ transport: Transport) async throws {
    let method = GRPCMethod.unary("/m/M") { _, call in
      let token = call.metadata["Authorization"] ?? "none"
      let binary = call.metadata.values("x-bin").map(\.value)
      return GRPCMessage(Array("\(call.method) \(token) \(binary)".utf8))
    }
    try await withClient(transport, [method]) { client in
      var metadata: GRPCMetadata = ["authorization": "Bearer x"]
      metadata.add("X-Bin", bytes: [0, 255])
      let reply = try await client.unary("/m/M", GRPCMessage.empty, metadata: metadata)
      #expect(String(decoding: reply.array, as: UTF8.self) == "/m/M Bearer x [[0, 255]]")
    }
  }
}
