// SPDX-License-Identifier: Apache-2.0

/// The order of the API server's marks of versions.
enum ResourceVersion {
  /// Whether one version is older than another; false where either is no decimal number, of which
  /// nothing is known.
  static func isOlder(_ left: String, than right: String) -> Bool {
    guard isNumber(left), isNumber(right) else { return false }
    if left.utf8.count != right.utf8.count { return left.utf8.count < right.utf8.count }
    return left < right
  }

  private static func isNumber(_ text: String) -> Bool {
    text.utf8.first != UInt8(ascii: "0") && !text.isEmpty
      && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }
}
