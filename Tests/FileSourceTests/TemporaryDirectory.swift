// SPDX-License-Identifier: Apache-2.0

import Foundation

@testable import FileSource

/// A directory of its own for one test, removed with it.
final class TemporaryDirectory: Sendable {
  let outer: String
  /// The directory to watch; its parent belongs to the test too.
  var path: String { outer + "/watched" }

  init() throws {
    outer = NSTemporaryDirectory() + "/navarch-" + UUID().uuidString
    try FileManager.default.createDirectory(
      atPath: outer + "/watched", withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: outer) }

  /// Writes a file in place; when it returns, the file is closed for good.
  func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path + "/" + name))
    try untilClosed(name)
  }

  /// Waits until no process has the file open for writing.
  ///
  /// A program that another test starts at this moment has a copy of every descriptor until it
  /// ends, so that the kernel says "closed" later than the test closed. A read lease is granted only
  /// where nobody writes (fcntl(2)).
  func untilClosed(_ name: String) throws {
    let descriptor = open(path + "/" + name, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw DirectoryWatcherError(reason: systemMessage(errno)) }
    defer { close(descriptor) }
    let end = ContinuousClock.now + .seconds(30)
    let setLease: Int32 = 1024  // F_SETLEASE of linux/fcntl.h, which Glibc's module leaves out
    while fcntl(descriptor, setLease, Int32(F_RDLCK)) != 0 {
      guard errno == EAGAIN, ContinuousClock.now < end else {
        throw DirectoryWatcherError(reason: "\(name): " + systemMessage(errno))
      }
      sched_yield()
    }
    _ = fcntl(descriptor, setLease, Int32(F_UNLCK))
  }

  func makeDirectory(_ name: String) throws {
    try FileManager.default.createDirectory(
      atPath: path + "/" + name, withIntermediateDirectories: true)
  }

  func move(_ source: String, to target: String) throws {
    guard rename(path + "/" + source, path + "/" + target) == 0 else {
      throw DirectoryWatcherError(reason: systemMessage(errno))
    }
  }

  func remove(_ name: String) throws {
    try FileManager.default.removeItem(atPath: path + "/" + name)
  }

  func link(_ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: path + "/" + name, withDestinationPath: target)
  }
}

/// A tree without a thread: what is queued is applied when the test says so.
final class Harness {
  let directory: TemporaryDirectory
  let tree: WatchedTree

  init(_ directory: TemporaryDirectory, limits: DirectoryWatcherLimits = .init()) throws {
    self.directory = directory
    tree = WatchedTree(root: directory.path, inotify: try Inotify(), limits: limits)
    tree.rescan()
  }

  /// What changed, once everything that is queued has been applied.
  func change(injecting injected: [InotifyEvent] = []) -> DirectoryChange? {
    tree.apply(injected)
    while case let events = tree.inotify.drain(), !events.isEmpty { tree.apply(events) }
    return tree.takeChange()
  }
}

extension DirectoryChange {
  /// The texts of the files, by path.
  var texts: [String: String] {
    Dictionary(
      uniqueKeysWithValues: upserted.map { ($0.path, String(decoding: $0.bytes, as: UTF8.self)) })
  }
}
