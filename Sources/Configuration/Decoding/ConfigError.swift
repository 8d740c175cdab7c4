// SPDX-License-Identifier: Apache-2.0

public import JSON

/// Why a value of a resource cannot be read.
public struct ConfigError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Where the value stands.
  public var path: FieldPath
  /// What is wrong with it, without the path.
  public var problem: String

  /// An error at `path`.
  public init(at path: FieldPath, _ problem: String) {
    self.path = path
    self.problem = problem
  }

  /// One sentence for an operator: path, then problem.
  public var description: String { path == FieldPath() ? problem : "\(path): \(problem)" }
}
