// SPDX-License-Identifier: Apache-2.0
//
// Owns: one curl multi handle and the transfers in it.
// Threads: one, which `start` makes; others only `post`.
// Freed: by its thread when the loop stops; by deinit if it never ran.

internal import CCurl
internal import CCurlShims
internal import Glibc
internal import Synchronization

/// curl's multi interface on a thread of its own.
// SAFETY: `mailbox` may be used from any thread, and curl_multi_wakeup too; all else belongs to the
// loop's thread. The multi handle outlives every wakeup: deinit frees it, or the mailbox is closed
// before the thread does.
final class ClientLoop: @unchecked Sendable {
  enum Command: Sendable {
    case open(HTTPClientRequest, WeakExchange, UInt64)
    case cancel(UInt64)
    case resume(UInt64)
    case stop
  }

  private struct Mailbox {
    var commands: [Command] = []
    var isOpen = true
  }

  private let mailbox = Mutex(Mailbox())
  private let multi: OpaquePointer
  private var transfers: [UInt64: Transfer] = [:]
  private var ids: [UnsafeMutableRawPointer: UInt64] = [:]
  private var isStopping = false

  private static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  init() throws(HTTPClientError) {
    guard ClientLoop.isReady, let multi = curl_multi_init() else {
      throw HTTPClientError(kind: .invalid, description: "no memory for an HTTP client")
    }
    self.multi = OpaquePointer(multi)
    ccurl_multi_set_number(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
    ccurl_multi_set_number(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, 1000)
  }

  deinit { curl_multi_cleanup(UnsafeMutableRawPointer(multi)) }

  private var handle: UnsafeMutableRawPointer { UnsafeMutableRawPointer(multi) }

  /// Starts the thread, which keeps this object until it ends.
  func start() throws(HTTPClientError) {
    let context = Unmanaged.passRetained(self)
    var thread = pthread_t()
    let result = pthread_create(&thread, nil, runClientLoop, context.toOpaque())
    guard result == 0 else {
      context.release()
      throw HTTPClientError(kind: .invalid, description: "no thread for an HTTP client")
    }
    pthread_detach(thread)
  }

  /// Leaves a command for the thread.
  func post(_ command: Command) {
    mailbox.withLock { mailbox in
      guard mailbox.isOpen else { return refuse(command) }
      mailbox.commands.append(command)
      // Within the lock: once the mailbox is closed nobody wakes the handle.
      curl_multi_wakeup(handle)
    }
  }

  private func refuse(_ command: Command) {
    if case .open(_, let weak, _) = command { weak.exchange?.finish(ClientLoop.stopped) }
  }

  private static let stopped = HTTPClientError(
    kind: .cancelled, description: "the HTTP client has ended")

  // MARK: The thread

  fileprivate func run() {
    ccurl_name_thread("http-client")
    while !isStopping {
      for command in takeCommands() { obey(command) }
      var running: Int32 = 0
      curl_multi_perform(handle, &running)
      reap()
      guard !isStopping else { break }
      curl_multi_poll(handle, nil, 0, 60_000, nil)
    }
    let left = mailbox.withLock { mailbox in
      mailbox.isOpen = false
      defer { mailbox.commands = [] }
      return mailbox.commands
    }
    for command in left { refuse(command) }
    for id in Array(transfers.keys) { end(id, ClientLoop.stopped) }
  }

  private func takeCommands() -> [Command] {
    mailbox.withLock { mailbox in
      defer { mailbox.commands = [] }
      return mailbox.commands
    }
  }

  private func obey(_ command: Command) {
    switch command {
    case .open(let request, let weak, let id): open(request, weak, id)
    case .cancel(let id): end(id, nil)
    case .resume(let id):
      if let transfer = transfers[id] { curl_easy_pause(transfer.easy, CURLPAUSE_CONT) }
    case .stop: isStopping = true
    }
  }

  private func open(_ request: HTTPClientRequest, _ weak: WeakExchange, _ id: UInt64) {
    guard weak.exchange != nil else { return }
    do throws(HTTPClientError) {
      let transfer = try Transfer(request, weak)
      guard curl_multi_add_handle(handle, transfer.easy) == CURLM_OK else {
        throw HTTPClientError(kind: .invalid, description: "the request cannot be begun")
      }
      transfers[id] = transfer
      ids[transfer.easy] = id
    } catch {
      weak.exchange?.finish(error)
    }
  }

  /// Ends the transfers that curl is done with.
  private func reap() {
    var easy: UnsafeMutableRawPointer?
    var result = CURLE_OK
    while ccurl_multi_next_ended(handle, &easy, &result) {
      guard let easy, let id = ids[easy], let transfer = transfers[id] else { continue }
      end(id, transfer.failure(result))
    }
  }

  private func end(_ id: UInt64, _ error: HTTPClientError?) {
    guard let transfer = transfers.removeValue(forKey: id) else { return }
    ids[transfer.easy] = nil
    curl_multi_remove_handle(handle, transfer.easy)
    transfer.exchange?.finish(error)
  }
}

/// The body of the thread.
private func runClientLoop(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  if let context { Unmanaged<ClientLoop>.fromOpaque(context).takeRetainedValue().run() }
  return nil
}
