// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

/// What a client wants of one type: names, everything (`*`), or both.
///
/// The rules are those of the xDS protocol, "How the client specifies what resources to return".
struct Subscription: Sendable {
  /// Whether everything is wanted.
  private(set) var wildcard = false
  /// The names wanted explicitly, sorted; names that do not exist are remembered too.
  private(set) var names: [String] = []
  /// Whether the client ever named something, after which an empty list means nothing.
  private var everNamed = false
  private let emptyMeansAll: Bool
  private var nameSet: Set<String> = []

  init(type: ResourceType) { emptyMeansAll = type.emptyMeansAll }

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
  func covers(_ name: String) -> Bool { wildcard || nameSet.contains(name) }

  /// Whether a name is wanted by itself, not only by `*`.
  func names(_ name: String) -> Bool { nameSet.contains(name) }

  /// Whether nothing is wanted.
  var isEmpty: Bool { !wildcard && names.isEmpty }

  /// State of the world: the request's list replaces what was wanted.
  mutating func replace(with list: [String]) -> Change {
    if !list.isEmpty { everNamed = true }
    var next = Set(list)
    let all = next.remove("*") != nil || (emptyMeansAll && !everNamed)
    let change = Change(
      asked: next.subtracting(nameSet), askedAll: all && !wildcard,
      dropped: (wildcard && !all) || !nameSet.isSubset(of: next))
    wildcard = all
    setNames(next)
    return change
  }

  /// State of the world: a request that is not answered can still take names away, so that they
  /// are sent again if a later request brings them back.
  mutating func narrow(to list: [String]) -> Change {
    let next = nameSet.intersection(list)
    let change = Change(dropped: next.count < nameSet.count)
    if change.dropped { setNames(next) }
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
    var next = nameSet
    remove(unsubscribe, from: &next, &change)
    for name in subscribe {
      if name == "*" {
        wildcard = true
        change.askedAll = true
      } else {
        next.insert(name)
        change.asked.insert(name)
      }
    }
    if next != nameSet { setNames(next) }
    return change
  }

  private mutating func remove(
    _ unsubscribe: [String], from next: inout Set<String>, _ change: inout Change
  ) {
    if unsubscribe.contains("*"), wildcard {
      wildcard = false
      change.dropped = true
    }
    for name in unsubscribe where name != "*" {
      let named = next.remove(name) != nil
      if wildcard { change.asked.insert(name) } else if named { change.dropped = true }
    }
  }

  private mutating func setNames(_ next: Set<String>) {
    nameSet = next
    names = next.sorted()
  }
}
