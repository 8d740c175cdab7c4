// SPDX-License-Identifier: Apache-2.0

public import Configuration

/// Where an object was written.
public struct ObjectOrigin: Hashable, Sendable, CustomStringConvertible {
  /// The file below the configuration directory; empty for an object of an API server.
  public var file: String
  /// The line, counted from 1; 0 where there is none.
  public var line: Int

  /// A place.
  public init(file: String = "", line: Int = 0) {
    self.file = file
    self.line = line
  }

  /// `file:line`, `file`, or nothing.
  public var description: String { line > 0 ? "\(file):\(line)" : file }
}

/// Something that an operator should know of what was configured.
public struct StoredDiagnostic: Hashable, Sendable, CustomStringConvertible {
  /// What it means for the configuration that is served.
  public enum Effect: String, Hashable, Sendable {
    /// What was written is not used; the last valid version of it, if there is one, serves on.
    case rejected
    /// It is used, perhaps not as meant.
    case warning
    /// It is valid and kept, but this version of the control plane does nothing with it.
    case noEffect = "accepted, no effect yet"
  }

  /// What it means for the configuration that is served.
  public var effect: Effect
  /// The object; nil where the text is no object that has a name.
  public var key: ObjectKey?
  /// Where it is written.
  public var origin: ObjectOrigin
  /// The field that it is about, such as `spec.http[0].route`; empty for the whole.
  public var field: String
  /// One sentence.
  public var message: String
  /// Since when it stands, in seconds since 1970.
  public var since: Double

  /// Something to know of an object or a file.
  public init(
    _ effect: Effect, key: ObjectKey?, origin: ObjectOrigin, field: String = "", message: String,
    since: Double = 0
  ) {
    self.effect = effect
    self.key = key
    self.origin = origin
    self.field = field
    self.message = message
    self.since = since
  }

  /// One line for a log: place, object, field, sentence.
  public var description: String {
    [origin.description, key?.description ?? "", field, message].filter { !$0.isEmpty }
      .joined(separator: ": ")
  }

  /// Whether two say the same, whenever that began.
  func saysTheSame(as other: StoredDiagnostic) -> Bool {
    effect == other.effect && key == other.key && origin.file == other.origin.file
      && field == other.field && message == other.message
  }
}
