// SPDX-License-Identifier: Apache-2.0

import Testing

/// A place where a file breaks a rule of the house, and what to do instead.
struct Violation: CustomStringConvertible, Equatable {
  /// The file's path from the package's root.
  let path: String
  /// The line, counted from 1.
  let line: Int
  /// What is wrong and what to write instead.
  let message: String

  var description: String { "\(path):\(line): \(message)" }
}

/// Fails with one line a violation.
func expectNone(
  _ violations: [Violation], sourceLocation: SourceLocation = #_sourceLocation
) {
  let list = violations.map(\.description).joined(separator: "\n")
  #expect(violations.isEmpty, Comment(rawValue: "\n" + list), sourceLocation: sourceLocation)
}
