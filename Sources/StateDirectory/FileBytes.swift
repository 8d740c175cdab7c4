// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What tells one content of a file from another without reading it; links are followed.
public struct FileMark: Hashable, Sendable {
  private var device: UInt
  private var inode: UInt
  private var size: Int
  private var changed: [Int]

  /// The mark of the file at a path; nil where there is none.
  public init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    device = status.st_dev
    inode = status.st_ino
    size = status.st_size
    changed = [
      status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
    ]
  }
}

/// Reading and writing whole files that may hold keys.
public enum FileBytes {
  /// The bytes of a file.
  ///
  /// - Parameter limit: The most bytes that it may have.
  public static func read(_ path: String, limit: Int = 1 << 20) throws(FileError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError("read", path) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw FileError("read", path) }
      guard count > 0 else { return bytes }
      bytes += chunk[..<count]
      guard bytes.count <= limit else {
        throw FileError("\(path) cannot be read: it is larger than \(limit) bytes")
      }
    }
  }

  /// Writes a file that only its owner may read, in the place of one that may be there, in one step.
  public static func replace(_ path: String, _ bytes: [UInt8]) throws(FileError) {
    let draft = "\(path).\(getpid()).new"
    unlink(draft)
    try create(draft, bytes)
    guard rename(draft, path) == 0 else { throw FileError("written", path) }
  }

  /// Writes a new file that only its owner may read, and lets the disk have it.
  static func create(_ path: String, _ bytes: [UInt8]) throws(FileError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileError("made", path) }
    defer { close(descriptor) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw FileError("written", path) }
      rest = rest.dropFirst(count)
    }
    guard fsync(descriptor) == 0 else { throw FileError("written", path) }
  }
}
