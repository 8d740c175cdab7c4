// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

/// What a client has of one type, or should have: resources sorted by name, no name twice.
///
/// A client that has all of a view shares the view's own list, so that a stream costs memory and
/// time only where it differs.
struct SortedResources: Sendable {
  private(set) var list = ResourceList.empty

  init() {}

  /// Shares a list.
  init(_ list: ResourceList) { self.list = list }

  /// Takes an array that is sorted already.
  init(sorted elements: [EncodedResource]) { list = ResourceList(elements) }

  var elements: [EncodedResource] { list.elements }

  var isEmpty: Bool { list.elements.isEmpty }

  var names: [String] { list.elements.map(\.name) }

  /// A digest over names and contents: equal sets, equal version, on every replica.
  var version: String { list.version }

  /// Whether both share one list, and so are equal without looking.
  func isIdentical(to other: SortedResources) -> Bool { list === other.list }

  subscript(name: String) -> EncodedResource? { list[name] }

  /// Those of some names, sorted.
  func elements(named names: Set<String>) -> [EncodedResource] {
    // Few are looked for, many are met on a walk.
    names.count < list.elements.count / 16
      ? names.sorted().compactMap { list[$0] } : list.elements.filter { names.contains($0.name) }
  }

  /// Keeps those that a predicate on names accepts.
  mutating func filter(_ keeps: (String) -> Bool) {
    guard elements.contains(where: { !keeps($0.name) }) else { return }
    list = ResourceList(elements.filter { keeps($0.name) })
  }

  /// Puts resources in by name and takes names away; both lists sorted.
  mutating func apply(changed: [EncodedResource], removed: [String]) {
    guard !changed.isEmpty || !removed.isEmpty else { return }
    let all = changed.isEmpty ? elements : SortedResources.merged(elements, changed)
    let gone = Set(removed)
    list = ResourceList(gone.isEmpty ? all : all.filter { !gone.contains($0.name) })
  }

  /// What turns these into `target`: resources new or different, and names that it lacks.
  func changes(to target: SortedResources) -> ResourceChanges {
    var changes = ResourceChanges()
    guard !isIdentical(to: target) else { return changes }
    let (old, new) = (elements, target.elements)
    var (index, place) = (0, 0)
    while true {
      let shared = list.sharedPrefix(from: index, with: target.list, from: place)
      index += shared
      place += shared
      guard place < new.count else { break }
      let resource = new[place]
      while index < old.count, old[index].name < resource.name {
        changes.removed.append(old[index].name)
        index += 1
      }
      if index < old.count, old[index].name == resource.name {
        if old[index] != resource { changes.changed.append(resource) }
        index += 1
      } else {
        changes.changed.append(resource)
      }
      place += 1
    }
    changes.removed += old[index...].map(\.name)
    return changes
  }

  /// Both lists in one; where both have a name, the second wins.
  static func merged(_ one: [EncodedResource], _ two: [EncodedResource]) -> [EncodedResource] {
    if one.isEmpty { return two }
    if two.isEmpty { return one }
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
