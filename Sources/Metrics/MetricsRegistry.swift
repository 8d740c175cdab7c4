// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// The metrics of a process: made once, passed to whoever counts, and written out on a scrape.
///
/// A family without series is not written: what is not in use is not shown.
public final class MetricsRegistry: Sendable {
  /// Counts what the limit on series kept out, by the name of the metric that it hit.
  public static let overflowName = "navarch_metrics_series_dropped_total"

  private let limit: Int
  private let families: Mutex<[String: Family]>
  private let overflow: Family

  /// An empty registry that keeps at most `seriesLimit` series of one name.
  public init(seriesLimit: Int = 2000) {
    limit = seriesLimit
    let description = MetricDescription(
      name: Self.overflowName,
      help: "Updates that were lost because a metric had too many label values.",
      labels: ["metric"])
    let overflow = Family(description, kind: .counter, limit: .max) { _ in }
    self.overflow = overflow
    families = Mutex([description.name: overflow])
  }

  /// The counter of that name, made if it is new.
  public func counter(_ name: String, help: String, labels: [String] = []) -> Counter {
    Counter(family: family(MetricDescription(name: name, help: help, labels: labels), .counter))
  }

  /// The gauge of that name, made if it is new.
  public func gauge(_ name: String, help: String, labels: [String] = []) -> Gauge {
    Gauge(family: family(MetricDescription(name: name, help: help, labels: labels), .gauge))
  }

  /// The histogram of that name, made if it is new; `bounds` ascend and leave out infinity.
  public func histogram(
    _ name: String, help: String, labels: [String] = [], bounds: [Double]
  ) -> Histogram {
    let description = MetricDescription(name: name, help: help, labels: labels)
    return Histogram(family: family(description, .histogram, bounds: bounds))
  }

  /// A metric whose value is asked for on each scrape; nil leaves it out.
  public func callback(
    _ name: String, help: String, kind: MetricKind = .gauge,
    read: @escaping @Sendable () -> Double?
  ) {
    callback(MetricDescription(name: name, help: help), kind: kind) {
      read().map { [(labels: [], value: $0)] } ?? []
    }
  }

  /// A metric whose series are asked for on each scrape.
  public func callback(
    _ description: MetricDescription, kind: MetricKind = .gauge,
    read: @escaping @Sendable () -> [(labels: [String], value: Double)]
  ) {
    precondition(kind != .histogram, "a histogram cannot be read from a callback")
    _ = family(description, kind, read: read)
  }

  /// The metrics in Prometheus' text format 0.0.4, ordered by name and label values.
  public func exposition() -> String {
    let ordered = families.withLock { Array($0.values) }
      .sorted { $0.description.name < $1.description.name }
    var text = ""
    for family in ordered { appendFamily(family, to: &text) }
    return text
  }

  private func family(
    _ description: MetricDescription, _ kind: MetricKind, bounds: [Double] = [],
    read: (@Sendable () -> [(labels: [String], value: Double)])? = nil
  ) -> Family {
    precondition(isMetricName(description.name), "\(description.name) is no metric name")
    precondition(description.labels.allSatisfy(isLabelName), "\(description.labels) are no labels")
    return families.withLock { families in
      if let known = families[description.name] {
        precondition(
          known.description == description && known.kind == kind && known.bounds == bounds
            && read == nil, "\(description.name) is registered twice with different meanings")
        return known
      }
      let made = Family(description, kind: kind, bounds: bounds, limit: limit, read: read) {
        [overflow] name in overflow.update([name]) { $0.value += 1 }
      }
      families[description.name] = made
      return made
    }
  }
}

private func isMetricName(_ name: String) -> Bool {
  !name.isEmpty && isLabelName(name.replacing(":", with: "_"))
}

private func isLabelName(_ name: String) -> Bool {
  guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
  return name.utf8.allSatisfy { byte in
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
      || byte == UInt8(ascii: "_")
  }
}
