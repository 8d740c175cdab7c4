// SPDX-License-Identifier: Apache-2.0

extension MetricsRegistry {
  /// The media type of ``exposition()``.
  public static let contentType = "text/plain; version=0.0.4; charset=utf-8"
}

/// Appends a family with its `HELP` and `TYPE` lines, or nothing if it has no series.
func appendFamily(_ family: Family, to text: inout String) {
  let series = family.collect()
  guard !series.isEmpty else { return }
  let name = family.description.name
  text += "# HELP \(name) \(escapedHelp(family.description.help))\n"
  text += "# TYPE \(name) \(family.kind.rawValue)\n"
  for one in series {
    let labels = zip(family.description.labels, one.labels).map { "\($0)=\"\(escapedLabel($1))\"" }
    switch family.kind {
    case .counter, .gauge: appendLine(name, labels, one.sample.value, to: &text)
    case .histogram: appendHistogram(family, labels, one.sample, to: &text)
    }
  }
}

private func appendHistogram(
  _ family: Family, _ labels: [String], _ sample: Sample, to text: inout String
) {
  let name = family.description.name
  var count: UInt64 = 0
  for (bound, inBucket) in zip(family.bounds + [.infinity], sample.buckets) {
    count += inBucket
    let le = "le=\"\(formatNumber(bound))\""
    appendLine(name + "_bucket", labels + [le], Double(count), to: &text)
  }
  appendLine(name + "_sum", labels, sample.value, to: &text)
  appendLine(name + "_count", labels, Double(count), to: &text)
}

private func appendLine(
  _ name: String, _ labels: [String], _ value: Double, to text: inout String
) {
  text += name
  if !labels.isEmpty { text += "{\(labels.joined(separator: ","))}" }
  text += " \(formatNumber(value))\n"
}

private func escapedHelp(_ text: String) -> String {
  text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
}

private func escapedLabel(_ text: String) -> String {
  escapedHelp(text).replacing("\"", with: "\\\"")
}
