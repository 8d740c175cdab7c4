// SPDX-License-Identifier: Apache-2.0

/// What of a candidate decides who outranks whom, as Istio writes it into locks.
public struct ElectionKey: Hashable, Sendable {
  /// The revision.
  public var revision: String
  /// Whether it runs in another cluster than the one of the lock.
  public var isRemote: Bool

  private static let remoteMark: Character = "^"

  /// A key.
  public init(revision: String, isRemote: Bool) {
    self.revision = revision
    self.isRemote = isRemote
  }

  /// Reads a key.
  public init(_ text: String) {
    isRemote = text.first == ElectionKey.remoteMark
    revision = isRemote ? String(text.dropFirst()) : text
  }

  /// As it stands in a lock.
  public var text: String { (isRemote ? String(ElectionKey.remoteMark) : "") + revision }
}
