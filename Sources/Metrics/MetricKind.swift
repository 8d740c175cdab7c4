// SPDX-License-Identifier: Apache-2.0

/// What a family of series counts, as the `# TYPE` line names it.
public enum MetricKind: String, Sendable {
  /// A sum that only grows while the process lives.
  case counter
  /// A value that goes up and down.
  case gauge
  /// A distribution over buckets.
  case histogram
}

/// The name, help and labels of a family of series.
public struct MetricDescription: Sendable, Hashable {
  /// The name, `[a-zA-Z_:][a-zA-Z0-9_:]*`.
  public var name: String
  /// One line for the reader of the exposition.
  public var help: String
  /// The label names; series give values in this order.
  public var labels: [String]

  /// A description from its parts.
  public init(name: String, help: String, labels: [String] = []) {
    self.name = name
    self.help = help
    self.labels = labels
  }
}
