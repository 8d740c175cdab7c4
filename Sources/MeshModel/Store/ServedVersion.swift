// SPDX-License-Identifier: Apache-2.0

/// Which version of an object is served.
public struct ServedVersion: Hashable, Sendable {
  /// The object's `metadata.generation`; where it has none, how many valid versions were read.
  public var generation: UInt64
  /// The generation of the first snapshot that has this version.
  public var snapshot: UInt64

  /// A version that a snapshot brought.
  public init(generation: UInt64, snapshot: UInt64) {
    self.generation = generation
    self.snapshot = snapshot
  }
}
