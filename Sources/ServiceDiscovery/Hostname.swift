// SPDX-License-Identifier: Apache-2.0

/// The name of a service, or a pattern of names that begins with `*`.
public struct Hostname: Hashable, Sendable, CustomStringConvertible {
  /// The name as it was written.
  public let text: String

  /// A name that the caller knows to be valid.
  public init(valid text: String) { self.text = text }

  /// The name `text`: labels of letters, digits, `-` and `_`, of which the first may be `*` or
  /// begin with it; nil where it is none.
  public init?(_ text: String) {
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    guard !text.isEmpty, text.utf8.count <= 255 else { return nil }
    for (index, label) in labels.enumerated() {
      // A trailing dot is an empty last label.
      if label.isEmpty, index == labels.count - 1, index > 0 { continue }
      let rest = index == 0 && label.first == "*" ? label.dropFirst() : label
      guard label.utf8.count <= 63, index == 0 || !rest.isEmpty, !label.isEmpty,
        rest.utf8.allSatisfy(Self.isLabelByte)
      else { return nil }
    }
    self.text = text
  }

  /// The name that Kubernetes' DNS gives a service.
  public init(service name: String, namespace: String, clusterDomain: String) {
    text = "\(name).\(namespace).svc.\(clusterDomain)"
  }

  /// The name.
  public var description: String { text }

  /// Whether it is a pattern.
  public var isWildcard: Bool { text.utf8.first == UInt8(ascii: "*") }

  /// The bytes of the name; of a pattern those behind the `*`.
  private var suffix: Substring.UTF8View { isWildcard ? text.utf8.dropFirst() : text.utf8[...] }

  /// Whether there is a name that both mean.
  public func matches(_ other: Hostname) -> Bool {
    switch (isWildcard, other.isWildcard) {
    case (true, true): suffix.ends(with: other.suffix) || other.suffix.ends(with: suffix)
    case (true, false): other.suffix.ends(with: suffix)
    case (false, true): suffix.ends(with: other.suffix)
    case (false, false): text == other.text
    }
  }

  /// Whether `other` means every name that this means.
  public func isSubset(of other: Hostname) -> Bool {
    switch (isWildcard, other.isWildcard) {
    case (true, false): false
    case (_, true): suffix.ends(with: other.suffix)
    case (false, false): text == other.text
    }
  }

  /// Whether this comes before `other` where the first match counts.
  ///
  /// Istio's order: names before patterns, then the longer, then by bytes.
  public func isMoreSpecific(than other: Hostname) -> Bool {
    if isWildcard != other.isWildcard { return other.isWildcard }
    let lengths = (text.utf8.count, other.text.utf8.count)
    if lengths.0 != lengths.1 { return lengths.0 > lengths.1 }
    return text < other.text
  }

  private static func isLabelByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}

extension Substring.UTF8View {
  /// Whether the last bytes are those of `end`.
  fileprivate func ends(with end: Self) -> Bool {
    guard count >= end.count else { return false }
    return suffix(end.count).elementsEqual(end)
  }
}
