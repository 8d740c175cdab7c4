// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The few questions that a watcher asks of the file system.
enum FileSystem {
  /// What an inode is.
  enum Kind { case file, directory, link, other }

  /// What tells one state of a file from another without reading it.
  struct Stamp: Hashable, Sendable {
    var device: UInt64
    var inode: UInt64
    var size: Int64
    var modified: Int64
    var changed: Int64
  }

  /// What the system says of a path.
  struct Status {
    var kind: Kind
    var links: UInt64
    var stamp: Stamp

    init(_ info: stat) {
      kind =
        switch info.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .link
        default: .other
        }
      links = UInt64(info.st_nlink)
      stamp = Stamp(
        device: UInt64(info.st_dev), inode: UInt64(info.st_ino), size: Int64(info.st_size),
        modified: nanoseconds(info.st_mtim), changed: nanoseconds(info.st_ctim))
    }
  }

  /// The status of a path, of a link's target if `following`.
  static func status(of path: String, following: Bool) -> Result<Status, SystemError> {
    var info = stat()
    let result = following ? stat(path, &info) : lstat(path, &info)
    return result == 0 ? .success(Status(info)) : .failure(SystemError(number: errno))
  }

  /// The names in a directory, sorted, without `.` and `..`.
  static func names(in path: String) -> Result<[String], SystemError> {
    guard let directory = opendir(path) else { return .failure(SystemError(number: errno)) }
    defer { closedir(directory) }
    // An entry ends after its name: to copy all that its type declares would read beyond it.
    guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else {
      preconditionFailure("an entry of a directory has no name")
    }
    var names: [String] = []
    while let entry = readdir(directory) {
      let bytes = UnsafeRawPointer(entry) + offset
      let name = String(cString: bytes.assumingMemoryBound(to: CChar.self))
      if name != "." && name != ".." { names.append(name) }
    }
    return .success(names.sorted())
  }

  /// The bytes of a regular file, at most one more than `limit`, and its status before.
  static func read(_ path: String, limit: Int) -> Result<([UInt8], Status), SystemError> {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return .failure(SystemError(number: errno)) }
    defer { close(descriptor) }
    var info = stat()
    guard fstat(descriptor, &info) == 0 else { return .failure(SystemError(number: errno)) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: min(limit + 1, max(4096, Int(info.st_size) + 1)))
    while bytes.count <= limit {
      let count = Glibc.read(descriptor, &chunk, min(chunk.count, limit + 1 - bytes.count))
      if count == 0 { break }
      if count > 0 {
        bytes.append(contentsOf: chunk[..<count])
      } else if errno != EINTR {
        return .failure(SystemError(number: errno))
      }
    }
    return .success((bytes, Status(info)))
  }

  /// The time now, in the clock and unit of ``Stamp/changed``.
  static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return nanoseconds(time)
  }

  /// A path from the root of the file system, without `/` at its end; links are left as they are.
  static func absolute(_ path: String) -> String {
    var path = path
    if !path.hasPrefix("/"), let current = getcwd(nil, 0) {
      path = String(cString: current) + "/" + path
      free(current)
    }
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }

  private static func nanoseconds(_ time: timespec) -> Int64 {
    Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}
