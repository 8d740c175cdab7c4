// SPDX-License-Identifier: Apache-2.0

import JSON

extension JSONValue {
  /// The first place where `other` differs, the order of members and `.0` aside; nil where nothing does.
  func difference(from other: JSONValue, at path: FieldPath = []) -> String? {
    switch (self, other) {
    case (.object(let mine), .object(let theirs)):
      let keys = Set(mine.members.map(\.key)).union(theirs.members.map(\.key)).sorted()
      for key in keys {
        let found = differenceOfMember(mine[key], theirs[key], at: path.appending(key: key))
        if let found { return found }
      }
      return nil
    case (.array(let mine), .array(let theirs)) where mine.count == theirs.count:
      for (index, pair) in zip(mine, theirs).enumerated() {
        let found = pair.0.difference(from: pair.1, at: path.appending(index: index))
        if let found { return found }
      }
      return nil
    case (.double(let mine), .integer(let theirs)) where mine == Double(theirs): return nil
    default: return self == other ? nil : "\(path): \(text()) became \(other.text())"
    }
  }

  private func differenceOfMember(
    _ mine: JSONValue?, _ theirs: JSONValue?, at path: FieldPath
  ) -> String? {
    switch (mine, theirs) {
    case (let mine?, let theirs?): mine.difference(from: theirs, at: path)
    case (let mine?, nil): "\(path): \(mine.text()) is lost"
    case (nil, let theirs?): "\(path): \(theirs.text()) was added"
    case (nil, nil): nil
    }
  }
}
