// SPDX-License-Identifier: Apache-2.0

import Bytes
import EnvoyAPI

/// Resources of one type, sorted by name, no name twice.
///
/// A client that has all of a view shares the view's own array, so that a stream costs memory
/// only where it differs.
struct SortedResources: Sendable {
  private(set) var elements: [EncodedResource] = []

  init() {}

  /// Takes an array that is sorted already.
  init(sorted elements: [EncodedResource]) { self.elements = elements }

  var isEmpty: Bool { elements.isEmpty }

  var names: [String] { elements.map(\.name) }

  /// Whether both share one storage, and so are equal without looking.
  func isIdentical(to other: SortedResources) -> Bool {
    elements.count == other.elements.count
      && elements.withUnsafeBufferPointer { mine in
        other.elements.withUnsafeBufferPointer { mine.baseAddress == $0.baseAddress }
      }
  }

  subscript(name: String) -> EncodedResource? {
    let index = position(of: name)
    guard index < elements.count, elements[index].name == name else { return nil }
    return elements[index]
  }

  /// Keeps those that a predicate on names accepts.
  mutating func filter(_ keeps: (String) -> Bool) {
    guard elements.contains(where: { !keeps($0.name) }) else { return }
    elements.removeAll { !keeps($0.name) }
  }

  /// Puts resources in by name and takes names away; both lists sorted.
  mutating func apply(changed: [EncodedResource], removed: [String]) {
    if changed.count + removed.count <= 8 {
      for resource in changed { insert(resource) }
      for name in removed { remove(name) }
    } else {
      let gone = Set(removed)
      elements = SortedResources.merged(elements, changed).filter { !gone.contains($0.name) }
    }
  }

  /// What turns these into `target`: resources new or different, and names that it lacks.
  func changes(to target: SortedResources) -> ResourceChanges {
    var changes = ResourceChanges()
    guard !isIdentical(to: target) else { return changes }
    var index = 0
    for resource in target.elements {
      while index < elements.count, elements[index].name < resource.name {
        changes.removed.append(elements[index].name)
        index += 1
      }
      if index < elements.count, elements[index].name == resource.name {
        if elements[index] != resource { changes.changed.append(resource) }
        index += 1
      } else {
        changes.changed.append(resource)
      }
    }
    changes.removed += elements[index...].map(\.name)
    return changes
  }

  /// Both lists in one; where both have a name, the second wins.
  static func merged(_ one: [EncodedResource], _ two: [EncodedResource]) -> [EncodedResource] {
    var result: [EncodedResource] = []
    result.reserveCapacity(one.count + two.count)
    var index = 0
    for resource in two {
      while index < one.count, one[index].name < resource.name {
        result.append(one[index])
        index += 1
      }
      if index < one.count, one[index].name == resource.name { index += 1 }
      result.append(resource)
    }
    result += one[index...]
    return result
  }

  /// A digest over names and contents: equal sets, equal version, on every replica.
  var version: String {
    var high: UInt64 = 0x9e37_79b9_7f4a_7c15
    var low: UInt64 = 0xc2b2_ae3d_27d4_eb4f
    for resource in elements {
      high = (high ^ resource.digest.high) &* 0x0000_0100_0000_01b3
      low = (low ^ resource.digest.low) &* 0x9e37_79b1_85eb_ca87
      high = high << 23 | high >> 41
    }
    return ContentDigest(high: high, low: low ^ high).description
  }

  private mutating func insert(_ resource: EncodedResource) {
    let index = position(of: resource.name)
    if index < elements.count, elements[index].name == resource.name {
      elements[index] = resource
    } else {
      elements.insert(resource, at: index)
    }
  }

  private mutating func remove(_ name: String) {
    let index = position(of: name)
    if index < elements.count, elements[index].name == name { elements.remove(at: index) }
  }

  /// Where a name is, or would be.
  private func position(of name: String) -> Int {
    var low = 0
    var high = elements.count
    while low < high {
      let middle = (low + high) / 2
      if elements[middle].name < name { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// The difference between what a client has and what it should have; both lists sorted by name.
struct ResourceChanges: Sendable {
  var changed: [EncodedResource] = []
  var removed: [String] = []

  var isEmpty: Bool { changed.isEmpty && removed.isEmpty }

  /// Puts an earlier difference before this one.
  mutating func absorb(_ earlier: ResourceChanges) {
    let taken = Set(changed.map(\.name)).union(removed)
    changed = SortedResources.merged(earlier.changed.filter { !taken.contains($0.name) }, changed)
    removed = (removed + earlier.removed.filter { !taken.contains($0) }).sorted()
  }
}
