// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

/// What a client wants of one type: names, everything (`*`), or both.
///
/// The rules are those of the xDS protocol, "How the client specifies what resources to return".
struct Subscription: Sendable {
  /// Whether everything is wanted.
  private(set) var wildcard = false
  /// The names wanted explicitly; names that do not exist are remembered too.
  private(set) var resourceNames: ResourceNames
  /// Whether the client ever named something, after which an empty list means nothing.
  private var everNamed = false
  private let emptyMeansAll: Bool
  private let table: ResourceNamesTable

  init(type: ResourceType, names table: ResourceNamesTable) {
    emptyMeansAll = type.emptyMeansAll
    self.table = table
    resourceNames = table.empty
  }

  /// The names wanted explicitly, sorted.
  var names: [String] { resourceNames.sorted }

  /// What a request's subscription changes call for.
  struct Change: Equatable {
    /// Names that must be answered: with the resource, or that there is none.
    var asked: Set<String> = []
    /// Whether everything must be answered.
    var askedAll = false
    /// Whether something is no longer wanted.
    var dropped = false
  }

  /// Whether a name is wanted.
  func covers(_ name: String) -> Bool { wildcard || resourceNames.contains(name) }

  /// Whether a name is wanted by itself, not only by `*`.
  func names(_ name: String) -> Bool { resourceNames.contains(name) }

  /// Whether nothing is wanted.
  var isEmpty: Bool { !wildcard && names.isEmpty }

  /// State of the world: the request's list replaces what was wanted.
  mutating func replace(with list: [String]) -> Change {
    if !list.isEmpty { everNamed = true }
    var next = Set(list)
    let all = next.remove("*") != nil || (emptyMeansAll && !everNamed)
    let change = Change(
      asked: next.subtracting(resourceNames.set), askedAll: all && !wildcard,
      dropped: (wildcard && !all) || !resourceNames.set.isSubset(of: next))
    wildcard = all
    if next != resourceNames.set { resourceNames = table.names(next) }
    return change
  }

  /// State of the world: a request that is not answered can still take names away, so that they
  /// are sent again if a later request brings them back.
  mutating func narrow(to list: [String]) -> Change {
    let next = resourceNames.set.intersection(list)
    let change = Change(dropped: next.count < resourceNames.set.count)
    if change.dropped { resourceNames = table.names(next) }
    return change
  }

  /// Delta: the request adds names and takes names away.
  ///
  /// A name that is subscribed again is answered again, since the client may have forgotten it; a
  /// name that is unsubscribed but still covered by `*` is answered too.
  mutating func change(subscribe: [String], unsubscribe: [String], first: Bool) -> Change {
    var change = Change()
    if !subscribe.isEmpty { everNamed = true }
    if first, subscribe.isEmpty, emptyMeansAll {
      wildcard = true
      change.askedAll = true
    }
    let removed = remove(unsubscribe, &change)
    var added = subscribe
    if subscribe.contains("*") {
      wildcard = true
      change.askedAll = true
      added.removeAll { $0 == "*" }
    }
    change.asked.formUnion(added)
    if !added.isEmpty || !removed.isEmpty {
      resourceNames = table.changed(resourceNames, adding: added, removing: removed)
    }
    return change
  }

  /// Notes what unsubscribed names call for; the names themselves.
  private mutating func remove(_ unsubscribe: [String], _ change: inout Change) -> [String] {
    if unsubscribe.contains("*"), wildcard {
      wildcard = false
      change.dropped = true
    }
    let removed = unsubscribe.filter { $0 != "*" }
    for name in removed {
      if wildcard {
        change.asked.insert(name)
      } else if resourceNames.contains(name) {
        change.dropped = true
      }
    }
    return removed
  }
}
