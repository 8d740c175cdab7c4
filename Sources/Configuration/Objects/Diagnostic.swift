// SPDX-License-Identifier: Apache-2.0

public import JSON

/// What is to be said of an object to whoever wrote it.
public struct Diagnostic: Hashable, Sendable, CustomStringConvertible {
  /// How bad it is.
  public enum Severity: String, Hashable, Sendable, Comparable {
    /// The object is used, perhaps not as meant.
    case warning
    /// The object is not used.
    case error

    /// Whether `left` is less bad.
    public static func < (left: Severity, right: Severity) -> Bool {
      left == .warning && right == .error
    }
  }

  /// How bad it is.
  public var severity: Severity
  /// The field that it is about; the root for the object as a whole.
  public var path: FieldPath
  /// One sentence, without the path.
  public var message: String

  /// Something of `severity` at `path`.
  public init(_ severity: Severity, at path: FieldPath = FieldPath(), _ message: String) {
    self.severity = severity
    self.path = path
    self.message = message
  }

  /// An error that decoding met.
  public init(_ error: ConfigError) { self.init(.error, at: error.path, error.problem) }

  /// One line: severity, path, message.
  public var description: String {
    path == FieldPath() ? "\(severity): \(message)" : "\(severity): \(path): \(message)"
  }
}
