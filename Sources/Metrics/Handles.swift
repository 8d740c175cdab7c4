// SPDX-License-Identifier: Apache-2.0

/// A sum that only grows.
///
/// Label values stand in the order of the registered names.
public struct Counter: Sendable {
  let family: Family

  /// Adds `amount`, which is not negative; zero makes the series without changing it.
  public func increment(_ labels: [String] = [], by amount: Double = 1) {
    precondition(amount >= 0, "a counter cannot shrink")
    family.update(labels) { $0.value += amount }
  }

  /// The sum so far; zero for a series that is not there.
  public func value(_ labels: [String] = []) -> Double { family.sample(labels)?.value ?? 0 }
}

/// A value that goes up and down.
///
/// Label values stand in the order of the registered names.
public struct Gauge: Sendable {
  let family: Family

  /// Sets the value.
  public func set(_ value: Double, _ labels: [String] = []) {
    family.update(labels) { $0.value = value }
  }

  /// Adds `amount`, which may be negative.
  public func add(_ amount: Double, _ labels: [String] = []) {
    family.update(labels) { $0.value += amount }
  }

  /// Sets the value if it is more than what is there.
  public func raise(to value: Double, _ labels: [String] = []) {
    family.update(labels) { $0.value = max($0.value, value) }
  }

  /// Forgets the series.
  public func remove(_ labels: [String] = []) { family.remove(labels) }

  /// Makes `values` all the series that there are, in one step.
  public func replaceAll(_ values: [[String]: Double]) { family.replaceAll(values) }

  /// The value; nil for a series that is not there.
  public func value(_ labels: [String] = []) -> Double? { family.sample(labels)?.value }
}

/// A distribution over buckets.
///
/// Label values stand in the order of the registered names.
public struct Histogram: Sendable {
  let family: Family

  /// Counts an observation.
  public func observe(_ value: Double, _ labels: [String] = []) { family.observe(value, labels) }

  /// Counts a length of time, in seconds.
  public func observe(_ duration: Duration, _ labels: [String] = []) {
    let (seconds, attoseconds) = duration.components
    family.observe(Double(seconds) + Double(attoseconds) * 1e-18, labels)
  }

  /// How many observations there were.
  public func count(_ labels: [String] = []) -> UInt64 {
    family.sample(labels)?.buckets.reduce(0, +) ?? 0
  }

  /// The sum of the observations.
  public func sum(_ labels: [String] = []) -> Double { family.sample(labels)?.value ?? 0 }
}
