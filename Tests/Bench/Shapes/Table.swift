// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import Glibc
import JSON

/// Writes figures as lines, and keeps them as JSON.
struct Table {
  /// A file that cannot be written.
  struct Unwritable: Error {
    var path: String
  }

  private var rows: [JSONValue] = []

  /// One generation; the heading stands before the first.
  mutating func add(_ found: Measurement) {
    if rows.isEmpty {
      line(["shape", "output", "alone us", "again us", "kB", "resources", "istiod us", "kB", "x"])
    }
    let istiod = published[found.shape]?[found.output]
    let kilobytes = publishedKilobytes[found.shape]?[found.output]
    line([
      found.shape, found.output.rawValue, text(found.alone), text(found.again),
      text(Double(found.bytes) / 1000), "\(found.resources)", istiod.map(text) ?? "",
      kilobytes.map(text) ?? "", istiod.map { text($0 / found.alone) } ?? "",
    ])
    rows.append([
      "shape": .string(found.shape), "output": .string(found.output.rawValue),
      "alone_us": .double(found.alone), "again_us": .double(found.again),
      "bytes": .integer(Int64(found.bytes)), "resources": .integer(Int64(found.resources)),
      "istiod_us": istiod.map(JSONValue.double) ?? .null,
    ])
  }

  /// Begins the part about changes.
  func begin(services: Int, proxies: Int) {
    write("\n\(services) services, \(proxies) proxies in 20 namespaces, one change:\n")
  }

  /// One change.
  mutating func add(_ row: ChangeBench.Row) {
    line([
      row.name, "", text(row.microseconds), "",
      "built \(row.counts.built), reused \(row.counts.reused)",
    ])
    rows.append([
      "change": .string(row.name), "us": .double(row.microseconds),
      "built": .integer(Int64(row.counts.built)), "reused": .integer(Int64(row.counts.reused)),
    ])
  }

  /// One way of reading.
  mutating func add(_ row: DecodingBench.Row) {
    write(
      "100,000 endpoints as \(row.form): \(text(row.milliseconds)) ms of CPU, "
        + "\(row.bytes / 1000) kB\n")
    rows.append([
      "decoding": .string(row.form), "ms": .double(row.milliseconds),
      "bytes": .integer(Int64(row.bytes)),
    ])
  }

  /// Writes all as JSON.
  func write(to path: String) throws {
    guard let file = fopen(path, "w") else { throw Unwritable(path: path) }
    defer { fclose(file) }
    fputs(JSONValue.array(rows).text() + "\n", file)
  }

  private func line(_ columns: [String]) {
    let widths = [27, 10, 10, 10, 9, 10, 10, 8, 6]
    let cells = columns.enumerated().map { index, cell in
      let blank = String(repeating: " ", count: max(0, widths[index] - cell.utf8.count))
      return index < 2 ? cell + blank : blank + cell
    }
    write(cells.joined(separator: " ") + "\n")
  }

  private func write(_ text: String) {
    var text = text
    text.withUTF8 { _ = Glibc.write(1, $0.baseAddress, $0.count) }
  }

  private func text(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return value >= 100 ? "\(Int(value.rounded()))" : "\(tenths / 10).\(tenths % 10)"
  }
}
