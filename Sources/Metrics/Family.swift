// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// What a series holds.
struct Sample: Sendable {
  /// The value of a counter or gauge, the sum of a histogram.
  var value: Double = 0
  /// Observations a bucket, the last one without bound; empty for counters and gauges.
  var buckets: [UInt64] = []
}

/// One series as the exposition shows it.
struct Series: Sendable {
  var labels: [String]
  var sample: Sample
}

/// All series of one name.
final class Family: Sendable {
  let description: MetricDescription
  let kind: MetricKind
  /// Upper bounds of a histogram's buckets, ascending, without infinity.
  let bounds: [Double]
  private let limit: Int
  private let onOverflow: @Sendable (String) -> Void
  private let read: (@Sendable () -> [(labels: [String], value: Double)])?
  private let table = Mutex<[[String]: Sample]>([:])

  init(
    _ description: MetricDescription, kind: MetricKind, bounds: [Double] = [], limit: Int,
    read: (@Sendable () -> [(labels: [String], value: Double)])? = nil,
    onOverflow: @escaping @Sendable (String) -> Void
  ) {
    precondition(zip(bounds, bounds.dropFirst()).allSatisfy(<), "bucket bounds must ascend")
    self.description = description
    self.kind = kind
    self.bounds = bounds
    self.limit = limit
    self.read = read
    self.onOverflow = onOverflow
  }

  /// Changes the series of `labels`, made at zero if it is new; beyond the limit it is dropped.
  func update(_ labels: [String], _ change: (inout Sample) -> Void) {
    precondition(
      labels.count == description.labels.count,
      "\(description.name) has the labels \(description.labels), not \(labels.count) values")
    let fits = table.withLock { table in
      guard table.count < limit || table[labels] != nil else { return false }
      let empty = Sample(
        buckets: kind == .histogram ? .init(repeating: 0, count: bounds.count + 1) : [])
      change(&table[labels, default: empty])
      return true
    }
    if !fits { onOverflow(description.name) }
  }

  /// Counts an observation.
  func observe(_ value: Double, _ labels: [String]) {
    let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
    update(labels) { sample in
      sample.buckets[bucket] += 1
      sample.value += value
    }
  }

  /// Forgets the series of `labels`.
  func remove(_ labels: [String]) {
    table.withLock { _ = $0.removeValue(forKey: labels) }
  }

  /// Puts `values` in the place of all series, in one step; beyond the limit they are dropped.
  func replaceAll(_ values: [[String]: Double]) {
    let kept = values.sorted { $0.key.lexicographicallyPrecedes($1.key) }.prefix(limit)
    table.withLock { table in
      table.removeAll(keepingCapacity: true)
      for (labels, value) in kept { table[labels] = Sample(value: value) }
    }
    if kept.count < values.count { onOverflow(description.name) }
  }

  /// The series now, ordered by label values.
  func collect() -> [Series] {
    let series =
      read?().map { Series(labels: $0.labels, sample: Sample(value: $0.value)) }
      ?? table.withLock { $0.map { Series(labels: $0.key, sample: $0.value) } }
    return series.sorted { $0.labels.lexicographicallyPrecedes($1.labels) }
  }

  /// What the series of `labels` holds, if there is one.
  func sample(_ labels: [String]) -> Sample? { table.withLock { $0[labels] } }
}
