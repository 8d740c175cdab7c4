// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A folder that keeps what must survive the process, such as keys; only its owner may look in.
///
/// What is kept is made once: of several processes that make the same thing at a time, one wins,
/// and all go on with what it made.
public struct StateDirectory: Sendable {
  /// The folder's path.
  public let path: String

  /// The folder at a path, made where it is missing (its parents too).
  public init(_ path: String) throws(FileError) {
    self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    try StateDirectory.makeFolder(self.path)
  }

  /// The path of something in the folder.
  public func path(_ name: String) -> String { "\(path)/\(name)" }

  /// Keeps a folder of files unless one of that name is there; afterwards it is there, whole.
  ///
  /// - Parameter make: The files by name; called only where there is no folder yet.
  /// - Returns: Whether this call made it.
  @discardableResult
  public func keepOnce<E: Error>(
    _ name: String, _ make: () throws(E) -> [String: [UInt8]]
  ) throws -> Bool {
    let target = path(name)
    guard FileMark(target) == nil else { return false }
    let files = try make()
    let draft = path(".\(name).\(getpid()).\(UInt64.random(in: 0...UInt64.max))")
    guard mkdir(draft, 0o700) == 0 else { throw FileError("made", draft) }
    defer { StateDirectory.remove(draft, files.keys) }
    for (file, bytes) in files { try FileBytes.create("\(draft)/\(file)", bytes) }
    // A folder that is not empty is never replaced: who comes second finds the first one's.
    guard rename(draft, target) == 0 else {
      guard errno == ENOTEMPTY || errno == EEXIST else { throw FileError("made", target) }
      return false
    }
    StateDirectory.sync(path)
    return true
  }

  /// Keeps a file, in the place of one of that name: whoever reads it finds the old one or the new.
  public func replace(_ name: String, _ bytes: [UInt8]) throws(FileError) {
    let draft = path(".\(name).\(getpid()).\(UInt64.random(in: 0...UInt64.max))")
    do throws(FileError) {
      try FileBytes.create(draft, bytes)
    } catch {
      unlink(draft)
      throw error
    }
    guard rename(draft, path(name)) == 0 else {
      let error = FileError("made", path(name))
      unlink(draft)
      throw error
    }
    StateDirectory.sync(path)
  }

  /// Removes a file; nothing happens where there is none.
  public func remove(_ name: String) { unlink(path(name)) }

  /// Runs `body` while no other process or thread runs one under a lock of that name.
  public func locked<R>(_ name: String, _ body: () throws -> R) throws -> R {
    let descriptor = open(path(".\(name)"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileError("made", path(".\(name)")) }
    defer { close(descriptor) }
    while flock(descriptor, LOCK_EX) != 0 {
      guard errno == EINTR else { throw FileError("locked", path(".\(name)")) }
    }
    return try body()
  }

  private static func makeFolder(_ path: String) throws(FileError) {
    var status = stat()
    if stat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFDIR else {
        throw FileError("\(path) cannot keep state: it is no folder")
      }
      return
    }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      try makeFolder(String(path[..<slash]))
    }
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw FileError("made", path) }
  }

  /// Removes what is left of a draft; of one that was renamed nothing is.
  private static func remove(_ draft: String, _ files: some Sequence<String>) {
    for file in files { unlink("\(draft)/\(file)") }
    rmdir(draft)
  }

  /// Lets the disk know of a folder's new names.
  private static func sync(_ path: String) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}
