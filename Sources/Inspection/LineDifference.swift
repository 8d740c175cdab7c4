// SPDX-License-Identifier: Apache-2.0

/// The difference of two texts by lines, as `diff -u` writes it.
enum LineDifference {
  /// The unified difference with so many lines of context; empty where the texts are equal.
  static func unified(
    _ old: [String], _ new: [String], from: String, to: String, context: Int
  ) -> String {
    let steps = edits(old, new)
    guard steps.contains(where: { $0.kind != .kept }) else { return "" }
    var text = "--- \(from)\n+++ \(to)\n"
    for hunk in hunks(steps, context: context) {
      text += header(steps[hunk])
      for step in steps[hunk] { text += step.kind.rawValue + step.line + "\n" }
    }
    return text
  }

  private enum Kind: String {
    case kept = " "
    case removed = "-"
    case added = "+"
  }

  /// A line with what happens to it, and where it stands in both texts.
  private struct Edit {
    var kind: Kind
    var line: String
    var old: Int
    var new: Int
  }

  /// The lines of both texts, in order; the standard library's difference is Myers' own.
  private static func edits(_ old: [String], _ new: [String]) -> [Edit] {
    let difference = new.difference(from: old)
    var removed: Set<Int> = []
    var added: Set<Int> = []
    for change in difference {
      switch change {
      case .remove(let offset, _, _): removed.insert(offset)
      case .insert(let offset, _, _): added.insert(offset)
      }
    }
    var steps: [Edit] = []
    var (left, right) = (0, 0)
    while left < old.count || right < new.count {
      if left < old.count, removed.contains(left) {
        steps.append(Edit(kind: .removed, line: old[left], old: left, new: right))
        left += 1
      } else if right < new.count, added.contains(right) {
        steps.append(Edit(kind: .added, line: new[right], old: left, new: right))
        right += 1
      } else {
        steps.append(Edit(kind: .kept, line: old[left], old: left, new: right))
        left += 1
        right += 1
      }
    }
    return steps
  }

  /// The stretches with changes and their context; those that touch are one.
  private static func hunks(_ steps: [Edit], context: Int) -> [Range<Int>] {
    var found: [Range<Int>] = []
    for (index, step) in steps.enumerated() where step.kind != .kept {
      let range = max(0, index - context)..<min(steps.count, index + context + 1)
      if let last = found.last, last.upperBound >= range.lowerBound {
        found[found.count - 1] = last.lowerBound..<range.upperBound
      } else {
        found.append(range)
      }
    }
    return found
  }

  private static func header(_ steps: ArraySlice<Edit>) -> String {
    let old = steps.count { $0.kind != .added }
    let new = steps.count { $0.kind != .removed }
    guard let first = steps.first else { return "" }
    return "@@ -\(place(first.old, old)) +\(place(first.new, new)) @@\n"
  }

  /// A range as `diff` writes it: the first line's number, and how many unless one.
  private static func place(_ start: Int, _ count: Int) -> String {
    if count == 1 { return "\(start + 1)" }
    return count == 0 ? "\(start),0" : "\(start + 1),\(count)"
  }
}
