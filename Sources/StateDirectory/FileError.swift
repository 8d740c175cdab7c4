// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Why a file or folder cannot be used: one sentence that names it.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The sentence.
  public let description: String
  /// Whether the file is not there.
  public let isMissing: Bool

  /// An error of one sentence.
  public init(_ description: String) {
    self.description = description
    isMissing = false
  }

  /// The error that `errno` tells of what was tried with a path.
  init(_ what: String, _ path: String, code: Int32 = errno) {
    description = "\(path) cannot be \(what): \(String(cString: strerror(code)))"
    isMissing = code == ENOENT
  }
}
