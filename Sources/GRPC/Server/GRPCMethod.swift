// SPDX-License-Identifier: Apache-2.0

/// A method of a service: its path and what answers it, unary and streaming alike.
public struct GRPCMethod: Sendable {
  /// The path, `/package.Service/Method`.
  public let path: String
  let handler: @Sendable (GRPCServerStream) async -> GRPCStatus

  /// A method whose handler reads and writes as it likes and returns the call's status.
  public init(path: String, _ handler: @escaping @Sendable (GRPCServerStream) async -> GRPCStatus) {
    self.path = path
    self.handler = handler
  }

  /// A method of one request and one reply.
  public static func unary(
    _ path: String,
    _ reply:
      @escaping @Sendable (GRPCMessage, GRPCServerStream) async throws(GRPCStatus) -> GRPCMessage
  ) -> GRPCMethod {
    GRPCMethod(path: path) { stream in
      do throws(GRPCStatus) {
        var requests = stream.requests.makeAsyncIterator()
        guard let request = try await requests.next() else {
          return GRPCStatus(.invalidArgument, "a call of \(path) ended without a request")
        }
        try await stream.write(reply(request, stream))
        return .ok
      } catch {
        return error
      }
    }
  }
}

/// The methods of a server, and what becomes of a call.
struct MethodTable: Sendable {
  private let methods: [String: GRPCMethod]

  /// A table; of two methods with one path the later one counts.
  init(_ methods: [GRPCMethod]) {
    self.methods = Dictionary(methods.map { ($0.path, $0) }) { $1 }
  }

  /// Answers one call, and returns when all about it has ended.
  func serve(_ call: any ServerCallBackend) async {
    guard let method = methods[call.caller.method] else {
      let message = "this server has no method \(call.caller.method)"
      return await call.finish(GRPCStatus(.unimplemented, message))
    }
    await call.finish(MethodTable.status(of: method, for: call))
  }

  /// Runs the handler; the call's end cancels it, and its end ends the watch.
  private static func status(
    of method: GRPCMethod, for call: any ServerCallBackend
  ) async -> GRPCStatus {
    await withTaskGroup(of: GRPCStatus?.self) { group in
      group.addTask { await method.handler(GRPCServerStream(call.caller, backend: call)) }
      group.addTask {
        _ = await call.closed.waitUnlessCancelled()
        return nil
      }
      var status: GRPCStatus?
      for await ended in group {
        status = status ?? ended
        group.cancelAll()
      }
      return status ?? GRPCStatus(.cancelled)
    }
  }
}
