// SPDX-License-Identifier: Apache-2.0

/// What filter chains of one listener match: Envoy refuses a listener where two match the same.
///
/// Objects may ask for that, such as TLS routes that share one of several SNI hosts; the first chain
/// counts then, as if matches were tried in order.
struct TakenMatches {
  private var taken: Set<[String]> = []

  /// Takes what is free of a chain's product of server names and ranges.
  ///
  /// - Parameters:
  ///   - names: The SNI; empty for all.
  ///   - ranges: The destinations; empty for all.
  ///   - others: What else must match.
  /// - Returns: The names and ranges that the chain may still have; nil where it can never match.
  mutating func take(
    names: [String], ranges: [String] = [], others: [String]
  ) -> (names: [String], ranges: [String])? {
    let all = (names: names.isEmpty ? [""] : names, ranges: ranges.isEmpty ? [""] : ranges)
    func isFree(_ name: String, _ range: String) -> Bool {
      !taken.contains([range, name] + others)
    }
    var seen: Set<String> = []
    var left = all
    left.names = all.names.filter { name in
      seen.insert(name).inserted && all.ranges.allSatisfy { isFree(name, $0) }
    }
    if left.names.isEmpty {
      left.names = all.names
      left.ranges = all.ranges.filter { range in all.names.allSatisfy { isFree($0, range) } }
    }
    guard !left.ranges.isEmpty else { return nil }
    for name in left.names {
      for range in left.ranges { taken.insert([range, name] + others) }
    }
    return (left.names == [""] ? [] : left.names, left.ranges == [""] ? [] : left.ranges)
  }
}
