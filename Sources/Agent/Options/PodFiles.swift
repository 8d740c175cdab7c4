// SPDX-License-Identifier: Apache-2.0

import StateDirectory

/// The Pod's labels and annotations as the kubelet mounts them (the downward API).
enum PodFiles {
  /// The pairs of a file; none where it is not there.
  static func pairs(_ path: String) -> [(key: String, value: String)] {
    guard let bytes = try? FileBytes.read(path) else { return [] }
    return pairs(of: String(decoding: bytes, as: UTF8.self))
  }

  /// The pairs of lines `key="value"`, in which Go's escapes stand; a line that is none is passed over.
  static func pairs(of text: String) -> [(key: String, value: String)] {
    text.split(separator: "\n").compactMap { line in
      guard let equals = line.firstIndex(of: "="), line[equals...].hasPrefix("=\""),
        line.hasSuffix("\""), line.distance(from: equals, to: line.endIndex) > 2
      else { return nil }
      return (String(line[..<equals]), unescaped(line[equals...].dropFirst(2).dropLast()))
    }
  }

  private static func unescaped(_ text: Substring) -> String {
    var (result, isEscaped) = ("", false)
    for character in text {
      if isEscaped {
        result.append(character == "n" ? "\n" : character == "t" ? "\t" : character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else {
        result.append(character)
      }
    }
    return result
  }
}
