// SPDX-License-Identifier: Apache-2.0

/// Tells one state of a table or a view from another without looking into it.
///
/// A tag is equal to itself only. Whoever makes the next state passes the tag on where nothing
/// differs, so that what was made of a state is found again by its tag. Keys that hold a tag keep it
/// alive: no other can come to stand at its address.
public final class Tag: Hashable, Sendable {
  /// A tag unlike all others.
  public init() {}

  /// Whether two are one.
  public static func == (left: Tag, right: Tag) -> Bool { left === right }

  /// Adds the identity.
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
