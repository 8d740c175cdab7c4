// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The names that a client subscribes to: one object for all clients with the same ones, so that a
/// thousand names are not a stream's own.
///
/// Equal only to itself, so that what was looked up for it is found again by it.
public final class ResourceNames: Hashable, Sendable {
  /// The names, sorted.
  public let sorted: [String]
  let set: Set<String>
  /// Where small changes of it led before.
  private let steps = Mutex<[Step]>([])

  private struct Step {
    var added: [String]
    var removed: [String]
    weak var result: ResourceNames?
  }

  fileprivate init(_ names: Set<String>) {
    set = names
    sorted = names.sorted()
  }

  func contains(_ name: String) -> Bool { set.contains(name) }

  /// Whether two are one.
  public static func == (left: ResourceNames, right: ResourceNames) -> Bool { left === right }

  /// Adds the identity.
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }

  fileprivate func result(adding added: [String], removing removed: [String]) -> ResourceNames? {
    steps.withLock { steps in
      steps.first { $0.added == added && $0.removed == removed }?.result
    }
  }

  fileprivate func remember(
    _ result: ResourceNames, adding added: [String], removing removed: [String]
  ) {
    steps.withLock { steps in
      steps.removeAll { $0.result == nil }
      steps.append(Step(added: added, removed: removed, result: result))
      if steps.count > 4 { steps.removeFirst() }
    }
  }
}

/// The sets of names that streams subscribe to: of equal sets all streams have one object.
public final class ResourceNamesTable: Sendable {
  fileprivate struct State {
    var known: [Int: [Entry]] = [:]
    /// The number of entries at which those are dropped that nobody has any more.
    var limit = 64
  }

  fileprivate struct Entry {
    weak var names: ResourceNames?
  }

  private let state = Mutex(State())
  /// No names.
  let empty = ResourceNames([])

  /// A table of no sets.
  public init() {}

  /// The one object of a set.
  public func names(_ set: Set<String>) -> ResourceNames {
    guard !set.isEmpty else { return empty }
    let hash = set.hashValue
    let alike = state.withLock { $0.known[hash] ?? [] }
    if let found = alike.lazy.compactMap(\.names).first(where: { $0.set == set }) { return found }
    let made = ResourceNames(set)
    state.withLock { state in
      state.known[hash, default: []].append(Entry(names: made))
      state.tidy()
    }
    return made
  }

  /// The one object of the names after a change; those removed are taken away first.
  public func changed(
    _ names: ResourceNames, adding added: [String], removing removed: [String]
  ) -> ResourceNames {
    let isSmall = added.count + removed.count <= 64
    if isSmall, let known = names.result(adding: added, removing: removed) { return known }
    let next = names.set.subtracting(removed).union(added)
    let result = next == names.set ? names : self.names(next)
    if isSmall { names.remember(result, adding: added, removing: removed) }
    return result
  }
}

extension ResourceNamesTable.State {
  fileprivate mutating func tidy() {
    guard known.count >= limit else { return }
    known = known.compactMapValues { entries in
      let living = entries.filter { $0.names != nil }
      return living.isEmpty ? nil : living
    }
    limit = max(64, known.count * 2)
  }
}
