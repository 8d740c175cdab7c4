// SPDX-License-Identifier: Apache-2.0
//
// Owns: a libevent base, its evhttp, an eventfd, and every request between evhttp's callback and
// the end of its answer.
// Threads: one, which `startThread` makes; before that the creator's. Others only `post`.
// Freed: by its thread when the loop ends; by deinit if it never ran.

internal import CEvent
internal import Glibc
internal import Synchronization

/// evhttp on a thread of its own.
///
/// evhttp frees a request when its connection goes, answered or not; therefore every connection
/// has a close callback, and an answer is only given to a request that is still in `pending`.
// SAFETY: `mailbox` and `requests` may be used from any thread; everything else belongs to
// the loop's thread, or to the creator before `startThread`.
final class ServerLoop: @unchecked Sendable {
  enum Command: Sendable {
    case reply(UInt64, HTTPResponse)
    case stop
  }

  /// A request that evhttp handed over.
  struct Pending {
    let request: OpaquePointer
    let connection: OpaquePointer
    let isHead: Bool
    /// Whether evhttp has the answer and with it the request.
    var isAnswered = false
  }

  private struct Mailbox {
    var commands: [Command] = []
    var isOpen = true
  }

  /// Requests for the handlers; ends with the loop.
  let requests: AsyncStream<(UInt64, HTTPRequest)>
  let configuration: HTTPServer.Configuration
  private let sender: AsyncStream<(UInt64, HTTPRequest)>.Continuation
  private let mailbox = Mutex(Mailbox())
  private let wakeup: Int32
  let base: OpaquePointer
  let http: OpaquePointer
  private var events: [OpaquePointer] = []
  private var listeners: [OpaquePointer] = []
  private var hasThread = false
  private var isDraining = false
  private var nextID: UInt64 = 0
  private var pending: [UInt64: Pending] = [:]
  /// Connections that evhttp has, with the request of each that is pending.
  private var connections: [OpaquePointer: UInt64?] = [:]
  /// Buffers that were given to evhttp for connections that are not in `connections` yet.
  private var unadopted: Set<OpaquePointer> = []

  init(_ configuration: HTTPServer.Configuration) throws(HTTPServerError) {
    wakeup = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard wakeup >= 0 else { throw .noResources("file descriptor") }
    guard let base = event_base_new() else {
      close(wakeup)
      throw .noResources("event loop")
    }
    guard let http = evhttp_new(base) else {
      event_base_free(base)
      close(wakeup)
      throw .noResources("memory")
    }
    self.base = base
    self.http = http
    self.configuration = configuration
    (requests, sender) = AsyncStream.makeStream()
    configure()
  }

  deinit {
    if !hasThread { free() }
  }

  private var context: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

  private func configure() {
    evhttp_set_max_headers_size(http, configuration.maxHeaderBytes)
    evhttp_set_max_body_size(http, configuration.maxBodyBytes)
    evhttp_set_timeout(http, Int32(clamping: configuration.idleTimeout.components.seconds))
    let methods = HTTPMethod.allCases.map(\.command).reduce(0) { $0 | $1.rawValue }
    evhttp_set_allowed_methods(http, UInt16(methods))
    evhttp_set_bevcb(http, makeBuffer, context)
    evhttp_set_gencb(http, requestArrived, context)
  }

  func listen(_ address: ListenAddress) throws(HTTPServerError) -> ListenAddress {
    precondition(!hasThread, "listen before run")
    let (descriptor, bound) = try address.openSocket()
    guard let socket = evhttp_accept_socket_with_handle(http, descriptor) else {
      close(descriptor)
      throw .noResources("memory")
    }
    listeners.append(socket)
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(socket), acceptFailed)
    return bound
  }

  // MARK: - The thread

  func startThread() throws(HTTPServerError) {
    precondition(!hasThread, "run once")
    guard let wake = event_new(base, wakeup, Int16(EV_READ | EV_PERSIST), commandsArrived, context),
      event_add(wake, nil) == 0
    else { throw .noResources("memory") }
    events.append(wake)
    schedule(after: .seconds(1), repeats: true, secondPassed)
    hasThread = true
    var thread = pthread_t()
    let retained = Unmanaged.passRetained(self)
    guard pthread_create(&thread, nil, runLoop, retained.toOpaque()) == 0 else {
      hasThread = false
      retained.release()
      throw .noResources("thread")
    }
    pthread_detach(thread)
  }

  /// The thread's life.
  func run() {
    event_base_loop(base, 0)
    free()
    sender.finish()
  }

  private func free() {
    evhttp_free(http)  // tells the close callbacks
    for buffer in unadopted { bufferevent_decref(buffer) }
    for event in events { event_free(event) }
    event_base_free(base)
    mailbox.withLock { mailbox in
      mailbox.isOpen = false
      mailbox.commands = []
      close(wakeup)
    }
  }

  /// Gives the loop something to do; any thread may call, nothing happens after its end.
  func post(_ command: Command) {
    mailbox.withLock { mailbox in
      guard mailbox.isOpen else { return }
      mailbox.commands.append(command)
      var one: UInt64 = 1
      write(wakeup, &one, 8)
    }
  }

  func takeCommands() {
    var count: UInt64 = 0
    read(wakeup, &count, 8)
    let commands = mailbox.withLock { mailbox in
      defer { mailbox.commands = [] }
      return mailbox.commands
    }
    for command in commands {
      switch command {
      case .reply(let id, let response): reply(id, response)
      case .stop: drain()
      }
    }
  }

  private func drain() {
    guard !isDraining else { return }
    isDraining = true
    for listener in listeners { evhttp_del_accept_socket(http, listener) }
    listeners = []
    schedule(after: configuration.drainTimeout, drainTimedOut)
    endIfDrained()
  }

  private func endIfDrained() {
    if isDraining, pending.isEmpty { event_base_loopexit(base, nil) }
  }

  private func schedule(
    after delay: Duration, repeats: Bool = false, _ callback: event_callback_fn
  ) {
    let flags = Int16(repeats ? EV_PERSIST : 0)
    guard let timer = event_new(base, -1, flags, callback, context) else { return }
    events.append(timer)
    let (seconds, attoseconds) = delay.components
    var time = timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    event_add(timer, &time)
  }

  // MARK: - Connections

  /// The buffer of a connection that was just accepted, with TLS if there are credentials.
  func makeConnectionBuffer() -> OpaquePointer? {
    let options = Int32(BEV_OPT_CLOSE_ON_FREE.rawValue)
    let buffer: OpaquePointer?
    if let credentials = configuration.credentials {
      guard let session = credentials.makeSession() else { return nil }
      buffer = bufferevent_openssl_socket_new(
        base, -1, session, BUFFEREVENT_SSL_ACCEPTING, options)
      if let buffer { bufferevent_openssl_set_allow_dirty_shutdown(buffer, 1) }
    } else {
      buffer = bufferevent_socket_new(base, -1, options)
    }
    if let buffer { awaitAdoption(buffer) }
    return buffer
  }

  /// evhttp tells of a connection only with its first request; but its buffer's callbacks carry
  /// the connection as soon as evhttp has it, which is when this callback has returned.
  private func awaitAdoption(_ buffer: OpaquePointer) {
    bufferevent_incref(buffer)
    unadopted.insert(buffer)
    event_base_once(base, -1, Int16(EV_TIMEOUT), connectionsBegan, context, nil)
    if connections.count + unadopted.count >= configuration.maxConnections { pauseListening() }
  }

  func adoptConnections() {
    for buffer in unadopted {
      var connection: UnsafeMutableRawPointer?
      bufferevent_getcb(buffer, nil, nil, nil, &connection)
      if let connection { adopt(OpaquePointer(connection)) }  // nil: closed already
      bufferevent_decref(buffer)
    }
    unadopted = []
    resumeListening()
  }

  private func adopt(_ connection: OpaquePointer) {
    guard connections[connection] == nil else { return }
    connections[connection] = .some(nil)
    evhttp_connection_set_closecb(connection, connectionClosed, context)
  }

  func forget(_ connection: OpaquePointer) {
    if let id = connections.removeValue(forKey: connection) ?? nil,
      let request = pending.removeValue(forKey: id), !request.isAnswered,
      evhttp_request_get_connection(request.request) == nil
    {
      // evhttp has let go of the request of a connection that failed: it is ours to free.
      evhttp_request_free(request.request)
    }
    resumeListening()
    endIfDrained()
  }

  /// Stops accepting until a connection ends.
  func pauseListening() {
    for listener in listeners {
      evconnlistener_disable(evhttp_bound_socket_get_listener(listener))
    }
  }

  func resumeListening() {
    guard connections.count + unadopted.count < configuration.maxConnections else { return }
    for listener in listeners { evconnlistener_enable(evhttp_bound_socket_get_listener(listener)) }
  }

  // MARK: - Requests and answers

  func handle(_ request: OpaquePointer) {
    guard let connection = evhttp_request_get_connection(request),
      isProtected(connection), let value = HTTPRequest(request, connection)
    else {
      evhttp_send_error(request, 400, nil)
      return
    }
    adopt(connection)
    nextID += 1
    pending[nextID] = Pending(
      request: request, connection: connection, isHead: value.method == .head)
    connections[connection] = nextID
    sender.yield((nextID, value))
  }

  /// Whether the connection speaks TLS if it should: evhttp falls back to plaintext when it is
  /// given no buffer.
  private func isProtected(_ connection: OpaquePointer) -> Bool {
    guard configuration.credentials != nil else { return true }
    return bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(connection)) != nil
  }

  private func reply(_ id: UInt64, _ response: HTTPResponse) {
    guard let answered = pending[id] else { return }  // the client has gone
    pending[id]?.isAnswered = true
    let request = answered.request
    if isDraining {
      evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close")
    }
    evhttp_request_set_on_complete_cb(request, answerSent, context)
    send(response, to: request, isHead: answered.isHead)
  }

  func complete(_ request: OpaquePointer) {
    if let connection = evhttp_request_get_connection(request),
      let id = connections[connection] ?? nil
    {
      pending[id] = nil
      connections[connection] = .some(nil)
    }
    endIfDrained()
  }
}

// MARK: - Callbacks of C, all on the loop's thread

private func loop(_ context: UnsafeMutableRawPointer?) -> ServerLoop? {
  context.map { Unmanaged<ServerLoop>.fromOpaque($0).takeUnretainedValue() }
}

private func runLoop(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let context else { return nil }
  Unmanaged<ServerLoop>.fromOpaque(context).takeRetainedValue().run()
  return nil
}

private func commandsArrived(_: Int32, _: Int16, _ context: UnsafeMutableRawPointer?) {
  loop(context)?.takeCommands()
}

private func drainTimedOut(_: Int32, _: Int16, _ context: UnsafeMutableRawPointer?) {
  if let loop = loop(context) { event_base_loopbreak(loop.base) }
}

private func makeBuffer(
  _: OpaquePointer?, _ context: UnsafeMutableRawPointer?
) -> OpaquePointer? { loop(context)?.makeConnectionBuffer() }

private func connectionsBegan(_: Int32, _: Int16, _ context: UnsafeMutableRawPointer?) {
  loop(context)?.adoptConnections()
}

private func connectionClosed(_ connection: OpaquePointer?, _ context: UnsafeMutableRawPointer?) {
  if let connection { loop(context)?.forget(connection) }
}

private func requestArrived(_ request: OpaquePointer?, _ context: UnsafeMutableRawPointer?) {
  if let request { loop(context)?.handle(request) }
}

private func answerSent(_ request: OpaquePointer?, _ context: UnsafeMutableRawPointer?) {
  if let request { loop(context)?.complete(request) }
}

/// Out of descriptors, as a rule: without a pause, which ends with the next tick, the loop spins.
private func acceptFailed(_ listener: OpaquePointer?, _: UnsafeMutableRawPointer?) {
  if let listener { evconnlistener_disable(listener) }
}

private func secondPassed(_: Int32, _: Int16, _ context: UnsafeMutableRawPointer?) {
  loop(context)?.resumeListening()
}
