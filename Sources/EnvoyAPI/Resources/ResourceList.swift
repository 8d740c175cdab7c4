// SPDX-License-Identifier: Apache-2.0

import Bytes

/// Resources of one type, sorted by name, no name twice: one object for all clients that have just
/// these.
public final class ResourceList: Sendable {
  /// The resources.
  public let elements: [EncodedResource]
  /// A digest over contents in their order, as text: equal sets, equal version, on every replica.
  public let version: String

  /// No resources.
  public static let empty = ResourceList([])

  /// A list of what is sorted already.
  public init(_ elements: [EncodedResource]) {
    self.elements = elements
    version = ContentDigest(ofAll: elements).description
  }

  /// The resource of a name.
  public subscript(name: String) -> EncodedResource? {
    let index = position(of: name)
    guard index < elements.count, elements[index].name == name else { return nil }
    return elements[index]
  }

  /// Where a name is, or would be.
  public func position(of name: String) -> Int {
    var low = 0
    var high = elements.count
    while low < high {
      let middle = (low + high) / 2
      if elements[middle].name < name { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// How many elements, from the first on, this list and another have in common as objects.
  ///
  /// Lists of one client that follow each other mostly share nearly all of their elements.
  public func sharedPrefix(
    from index: Int, with other: ResourceList, from otherIndex: Int
  ) -> Int {
    let count = min(elements.count - index, other.elements.count - otherIndex)
    return elements.withUnsafeBytes { mine in
      other.elements.withUnsafeBytes { theirs in
        // Addresses are compared without counting references.
        let one = mine.bindMemory(to: UInt.self)
        let two = theirs.bindMemory(to: UInt.self)
        var shared = 0
        while shared < count, one[index + shared] == two[otherIndex + shared] { shared += 1 }
        return shared
      }
    }
  }
}

extension ContentDigest {
  fileprivate init(ofAll resources: [EncodedResource]) {
    var high: UInt64 = 0x9e37_79b9_7f4a_7c15
    var low: UInt64 = 0xc2b2_ae3d_27d4_eb4f
    for resource in resources {
      high = (high ^ resource.digest.high) &* 0x0000_0100_0000_01b3
      low = (low ^ resource.digest.low) &* 0x9e37_79b1_85eb_ca87
      high = high << 23 | high >> 41
    }
    self.init(high: high, low: low ^ high)
  }
}
