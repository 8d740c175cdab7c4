// SPDX-License-Identifier: Apache-2.0

/// A method of a service: its path and what answers it, unary and streaming alike.
public struct GRPCMethod: Sendable {
  /// The path, `/package.Service/Method`.
  public let path: String
  let handler: @Sendable (GRPCServerStream) async -> CallEnd

  /// A method whose handler reads and writes as it likes and returns the call's status.
  public init(path: String, _ handler: @escaping @Sendable (GRPCServerStream) async -> GRPCStatus) {
    self.path = path
    self.handler = { CallEnd(status: await handler($0)) }
  }

  private init(
    path: String, endingBy handler: @escaping @Sendable (GRPCServerStream) async -> CallEnd
  ) {
    self.path = path
    self.handler = handler
  }

  /// A method of one request and one reply.
  public static func unary(
    _ path: String,
    _ reply:
      @escaping @Sendable (GRPCMessage, GRPCServerStream) async throws(GRPCStatus) -> GRPCMessage
  ) -> GRPCMethod {
    GRPCMethod(
      path: path,
      endingBy: { stream in
        do throws(GRPCStatus) {
          var requests = stream.requests.makeAsyncIterator()
          guard let request = try await requests.next() else {
            throw GRPCStatus(.invalidArgument, "a call of \(path) ended without a request")
          }
          return CallEnd(status: .ok, message: try await reply(request, stream))
        } catch {
          return CallEnd(status: error)
        }
      })
  }
}

/// How a handler ends its call.
struct CallEnd: Sendable {
  var status: GRPCStatus
  /// What is sent before the status, with it.
  var message: GRPCMessage?
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
      return await call.finish(CallEnd(status: GRPCStatus(.unimplemented, message)))
    }
    await call.finish(MethodTable.end(of: method, for: call))
  }

  /// Runs the handler; the call's end cancels it, and its end ends the watch.
  private static func end(
    of method: GRPCMethod, for call: any ServerCallBackend
  ) async -> CallEnd {
    await withTaskGroup(of: CallEnd?.self) { group in
      group.addTask { await method.handler(GRPCServerStream(call.caller, backend: call)) }
      group.addTask {
        _ = await call.closed.waitUnlessCancelled()
        return nil
      }
      var end: CallEnd?
      for await ended in group {
        end = end ?? ended
        group.cancelAll()
      }
      return end ?? CallEnd(status: GRPCStatus(.cancelled))
    }
  }
}
