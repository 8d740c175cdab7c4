// SPDX-License-Identifier: Apache-2.0
// Owns one inotify descriptor, closed by deinit. The kernel locks it: any thread may call.

import CLinuxShims
import Glibc

/// What happened to a watched inode, and what is asked of a watch: inotify(7).
struct InotifyMask: OptionSet, Hashable, Sendable {
  let rawValue: UInt32

  static let modify = InotifyMask(rawValue: 0x2)
  static let attributes = InotifyMask(rawValue: 0x4)
  static let closeWrite = InotifyMask(rawValue: 0x8)
  static let movedFrom = InotifyMask(rawValue: 0x40)
  static let movedTo = InotifyMask(rawValue: 0x80)
  static let create = InotifyMask(rawValue: 0x100)
  static let delete = InotifyMask(rawValue: 0x200)
  static let deleteSelf = InotifyMask(rawValue: 0x400)
  static let moveSelf = InotifyMask(rawValue: 0x800)
  static let overflow = InotifyMask(rawValue: 0x4000)
  static let ignored = InotifyMask(rawValue: 0x8000)
  static let onlyDirectory = InotifyMask(rawValue: 0x0100_0000)
  static let isDirectory = InotifyMask(rawValue: 0x4000_0000)

  /// An entry of a directory came or went.
  static let entries: InotifyMask = [.create, .delete, .movedFrom, .movedTo]
  /// The watched itself went.
  static let gone: InotifyMask = [.deleteSelf, .moveSelf]
}

/// One event, copied out of the kernel's buffer.
struct InotifyEvent: Hashable, Sendable {
  var watch: Int32
  var mask: InotifyMask
  var name = ""
}

/// A queue of events of watched inodes.
final class Inotify: Sendable {
  let descriptor: Int32

  init() throws(DirectoryWatcherError) {
    descriptor = clinuxshims_inotify_open()
    guard descriptor >= 0 else {
      throw DirectoryWatcherError(reason: "cannot watch files: \(systemMessage(errno))")
    }
  }

  deinit { close(descriptor) }

  /// Watches a path, following links; the watch, or the system's error number.
  func watch(_ path: String, for mask: InotifyMask) -> Result<Int32, SystemError> {
    let watch = clinuxshims_inotify_watch(descriptor, path, mask.rawValue)
    return watch >= 0 ? .success(watch) : .failure(SystemError(number: errno))
  }

  /// Ends a watch.
  func unwatch(_ watch: Int32) { clinuxshims_inotify_unwatch(descriptor, watch) }

  /// The events that are queued now, without waiting.
  func drain() -> [InotifyEvent] {
    var events: [InotifyEvent] = []
    withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 8) { buffer in
      for _ in 0..<64 {
        let count = read(descriptor, buffer.baseAddress, buffer.count)
        guard count > 0 else { return }
        var offset = 0
        repeat {
          let raw = clinuxshims_inotify_at(buffer.baseAddress, count, offset)
          events.append(
            InotifyEvent(
              watch: raw.watch, mask: InotifyMask(rawValue: raw.mask),
              name: raw.name.map { String(cString: $0) } ?? ""))
          offset = raw.next
        } while offset > 0
      }
    }
    return events
  }
}

/// An error number of the system.
struct SystemError: Error, Hashable, Sendable {
  var number: Int32

  /// Whether there is nothing at the path.
  var isMissing: Bool { number == ENOENT || number == ENOTDIR }
  /// The system's words.
  var message: String { systemMessage(number) }
}

/// The system's words for an error number.
func systemMessage(_ number: Int32) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
    guard let start = buffer.baseAddress, strerror_r(number, start, buffer.count) == 0 else {
      return "error \(number)"
    }
    return String(cString: start)
  }
}
