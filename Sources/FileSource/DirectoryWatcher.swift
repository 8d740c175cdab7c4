// SPDX-License-Identifier: Apache-2.0
// One thread a watcher; it ends after stop(), when the watcher is released, or when nobody reads.

import CLinuxShims
import Glibc
import Synchronization

/// Tells what changes in the configuration files below a directory.
///
/// Files are `*.yaml`, `*.yml` and `*.json` at any depth; hidden files and directories are not
/// looked at, links to files are followed, links to directories are not. A file counts once its
/// writer closes it, or it is renamed into place; the swap of a Kubernetes volume's `..data` is one
/// transaction. The directory may go and come again: its files are removed, with a problem that
/// says so, and told again.
public final class DirectoryWatcher: Sendable {
  /// The transactions, for one reader.
  ///
  /// The first is the full scan, also of an empty directory.
  public let changes: AsyncStream<DirectoryChange>

  let loop: WatchLoop

  /// Begins to watch a directory.
  ///
  /// - Throws: That there is no such directory, or that the system gives no means to watch one.
  public init(
    directory: String, limits: DirectoryWatcherLimits = DirectoryWatcherLimits()
  ) throws(DirectoryWatcherError) {
    let root = FileSystem.absolute(directory)
    switch FileSystem.status(of: root, following: true) {
    case .success(let status) where status.kind == .directory: break
    case .success: throw DirectoryWatcherError(reason: "\(root) is not a directory")
    case .failure(let error):
      throw DirectoryWatcherError(
        reason: "the directory \(root) cannot be watched: \(error.message)")
    }
    let (stream, continuation) = AsyncStream.makeStream(of: DirectoryChange.self)
    let loop = try WatchLoop(root: root, limits: limits, continuation: continuation)
    continuation.onTermination = { [weak loop] _ in loop?.stop() }
    changes = stream
    self.loop = loop
    try loop.start()
  }

  deinit { loop.stop() }

  /// Ends the watching, and with it the stream.
  public func stop() { loop.stop() }
}

/// The thread of a watcher: waits for events, has the tree look, tells what it found.
final class WatchLoop: Sendable {
  /// What other threads leave for this one.
  private struct Inbox {
    var isStopped = false
    var injected: [InotifyEvent] = []
  }

  private let root: String
  private let limits: DirectoryWatcherLimits
  private let continuation: AsyncStream<DirectoryChange>.Continuation
  private let inotify: Inotify
  private let wake: Int32
  private let inbox = Mutex(Inbox())

  init(
    root: String, limits: DirectoryWatcherLimits,
    continuation: AsyncStream<DirectoryChange>.Continuation
  ) throws(DirectoryWatcherError) {
    self.root = root
    self.limits = limits
    self.continuation = continuation
    inotify = try Inotify()
    wake = clinuxshims_eventfd_open()
    guard wake >= 0 else {
      throw DirectoryWatcherError(reason: "cannot watch files: \(systemMessage(errno))")
    }
  }

  deinit { if wake >= 0 { close(wake) } }

  /// Starts the thread, which keeps this object until it ends.
  func start() throws(DirectoryWatcherError) {
    let context = Unmanaged.passRetained(self)
    var thread = pthread_t()
    let result = pthread_create(&thread, nil, runWatchLoop, context.toOpaque())
    guard result == 0 else {
      context.release()
      throw DirectoryWatcherError(reason: "no thread to watch files: \(systemMessage(result))")
    }
    pthread_detach(thread)
  }

  func stop() {
    inbox.withLock { $0.isStopped = true }
    clinuxshims_eventfd_signal(wake)
  }

  /// Adds an event as if the kernel had said it.
  func inject(_ event: InotifyEvent) {
    inbox.withLock { $0.injected.append(event) }
    clinuxshims_eventfd_signal(wake)
  }

  fileprivate func run() {
    let tree = WatchedTree(root: root, inotify: inotify, limits: limits)
    tree.rescan()
    while true {
      guard settle(tree) else { break }
      if let change = tree.takeChange() { continuation.yield(change) }
      _ = clinuxshims_wait_for_either(inotify.descriptor, wake, -1)
    }
    continuation.finish()
  }

  /// Applies what is queued until there is quiet, but not for ever; false once stopped.
  private func settle(_ tree: WatchedTree) -> Bool {
    for _ in 0..<max(1, limits.rounds) {
      clinuxshims_eventfd_clear(wake)
      let (isStopped, injected) = inbox.withLock { inbox in
        defer { inbox.injected = [] }
        return (inbox.isStopped, inbox.injected)
      }
      if isStopped { return false }
      let events = inotify.drain() + injected
      if events.isEmpty { break }
      tree.apply(events)
      let quiet = Int32(clamping: limits.quietMilliseconds)
      if !clinuxshims_wait_for_either(inotify.descriptor, wake, quiet) { break }
    }
    return true
  }
}

/// The body of the thread.
private func runWatchLoop(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  if let context { Unmanaged<WatchLoop>.fromOpaque(context).takeRetainedValue().run() }
  return nil
}
