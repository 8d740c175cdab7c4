// SPDX-License-Identifier: Apache-2.0

/// Rows of text in columns, set as Go's tabwriter does for istioctl.
public struct TextTable: Hashable, Sendable {
  /// The first row.
  public var header: [String]
  /// The others, each with as many cells.
  public var rows: [[String]]
  /// The blanks between a column's widest cell and the next column.
  public var gap: Int

  /// A table of a header and rows.
  public init(_ header: [String], _ rows: [[String]] = [], gap: Int = 5) {
    self.header = header
    self.rows = rows
    self.gap = gap
  }

  /// The lines, each with its end.
  public var text: String {
    let all = [header] + rows
    let widths = header.indices.map { column in
      all.map { column < $0.count ? $0[column].unicodeScalars.count : 0 }.max() ?? 0
    }
    return all.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        line += cell
        if column < row.count - 1 {
          line += String(
            repeating: " ", count: widths[column] + gap - cell.unicodeScalars.count)
        }
      }
      return line + "\n"
    }.joined()
  }
}
