// SPDX-License-Identifier: Apache-2.0

/// An HTTP/1.1 server with a thread of its own for the network; handlers run on Swift's threads.
///
/// Listen first, then ``run()``, which ends after ``stop()``.
public final class HTTPServer: Sendable {
  /// What a server allows and how it speaks.
  public struct Configuration: Sendable {
    /// Bytes of a request's line and header fields together.
    public var maxHeaderBytes = 64 * 1024
    /// Bytes of a request's body; beyond it the answer is 413.
    public var maxBodyBytes = 10 * 1024 * 1024
    /// Connections at a time; more wait in the kernel's queue.
    public var maxConnections = 1024
    /// For how long a connection may be silent, in whole seconds.
    public var idleTimeout = Duration.seconds(60)
    /// For how long ``stop()`` waits for answers that are under way.
    public var drainTimeout = Duration.seconds(5)
    /// Certificate and key; nil for plaintext.
    public var credentials: TLSCredentials?

    /// The defaults.
    public init() {}
  }

  private let loop: ServerLoop
  private let handler: HTTPHandler

  /// A server that answers by `handler`.
  public init(
    _ configuration: Configuration = Configuration(), handler: @escaping HTTPHandler
  ) throws(HTTPServerError) {
    loop = try ServerLoop(configuration)
    self.handler = handler
  }

  /// A server that answers by `router`.
  public convenience init(
    _ configuration: Configuration = Configuration(), router: HTTPRouter
  ) throws(HTTPServerError) {
    try self.init(configuration) { await router.respond(to: $0) }
  }

  /// Listens on `address` (`:8080`, `127.0.0.1:0`, `[::]:15014`) and says what it got.
  ///
  /// To be called before ``run()``; connections wait until then.
  @discardableResult
  public func listen(_ address: String) throws(HTTPServerError) -> ListenAddress {
    try loop.listen(ListenAddress(parsing: address))
  }

  /// Serves until ``stop()`` or until its task is cancelled.
  ///
  /// To be called once.
  public func run() async throws(HTTPServerError) {
    try loop.startThread()
    await withTaskCancellationHandler {
      await withDiscardingTaskGroup { group in
        for await (id, request) in loop.requests {
          group.addTask { [loop, handler] in
            loop.post(.reply(id, await handler(request)))
          }
        }
        group.cancelAll()  // nobody is left to be answered
      }
    } onCancel: {
      loop.post(.stop)
    }
  }

  /// Stops listening, lets answers that are under way finish, and ends ``run()``.
  public func stop() { loop.post(.stop) }
}
