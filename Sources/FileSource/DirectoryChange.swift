// SPDX-License-Identifier: Apache-2.0

public import Bytes

/// A file as it was read.
public struct FileContent: Hashable, Sendable {
  /// The path below the watched directory, with `/` between its parts.
  public let path: String
  /// The digest of the bytes.
  public let digest: ContentDigest
  /// The bytes; whether they are text is for the reader to find out.
  public let bytes: [UInt8]

  /// A file with its bytes.
  public init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
    digest = bytes.withUnsafeBytes { ContentDigest(of: $0) }
  }

  /// Hashes path and digest, which stand for the bytes.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(path)
    hasher.combine(digest)
  }
}

/// Why a file or a directory could not be read.
public struct FileProblem: Hashable, Sendable {
  /// The path below the watched directory; empty for that directory itself.
  public let path: String
  /// One sentence for an operator.
  public let reason: String

  /// A problem at a path.
  public init(path: String, reason: String) {
    self.path = path
    self.reason = reason
  }
}

/// What changed below a directory: one transaction, to be applied as a whole.
public struct DirectoryChange: Hashable, Sendable {
  /// The files that are new or whose bytes differ, by path.
  public var upserted: [FileContent]
  /// The paths of files that are gone, sorted.
  public var removed: [String]
  /// Every problem that stands after this change, by path; those of before are void.
  ///
  /// A file that can no longer be read is not removed: what was last read of it stays valid.
  public var problems: [FileProblem]
  /// Whether this is the first full scan.
  public var isInitial: Bool

  /// A transaction.
  public init(
    upserted: [FileContent] = [], removed: [String] = [], problems: [FileProblem] = [],
    isInitial: Bool = false
  ) {
    self.upserted = upserted
    self.removed = removed
    self.problems = problems
    self.isInitial = isInitial
  }
}

/// How a directory is watched.
public struct DirectoryWatcherLimits: Hashable, Sendable {
  /// The most bytes of a file; a larger one is a problem.
  public var fileBytes: Int
  /// The milliseconds without an event after which a transaction is complete.
  public var quietMilliseconds: Int
  /// The most times in a row that a transaction waits for quiet.
  public var rounds: Int

  /// Limits; by default 16 MiB a file, 2 ms of quiet, and 16 times of that at most.
  public init(fileBytes: Int = 16 << 20, quietMilliseconds: Int = 2, rounds: Int = 16) {
    self.fileBytes = fileBytes
    self.quietMilliseconds = quietMilliseconds
    self.rounds = rounds
  }
}

/// Why a directory cannot be watched, in one sentence.
public struct DirectoryWatcherError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public let reason: String
  /// What is wrong.
  public var description: String { reason }
}
