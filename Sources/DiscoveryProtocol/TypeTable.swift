// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

/// What a stream knows of each type that its client asked for, in the order of a push.
///
/// A stream has few types, of which one is worked on at a time: it is looked at, changed and moved
/// in its place, as a copy of all that is known of a type costs more than most of the work.
struct TypeTable: Sendable {
  /// The types in the order of a push.
  private(set) var order: [ResourceType] = []
  private var states: [TypeState] = []
  /// What stands where a state was taken out.
  private let vacant: TypeState

  /// No types; `vacant` stands in for what is taken out.
  init(vacant: TypeState) { self.vacant = vacant }

  var count: Int { order.count }

  /// All states; copies.
  var values: [TypeState] { states }

  /// What is known of a type; nil before the client asked for it.
  subscript(type: ResourceType) -> TypeState? { index(of: type).map { states[$0] } }

  /// Whether the client asked for a type.
  func contains(_ type: ResourceType) -> Bool { index(of: type) != nil }

  /// Looks at what is known of a type, or changes it, if the client asked for it.
  ///
  /// A look goes this way too: what is only read may be copied, what may be written is not.
  @discardableResult
  mutating func change<R>(_ type: ResourceType, _ body: (inout TypeState) -> R) -> R? {
    guard let index = index(of: type) else { return nil }
    return body(&states[index])
  }

  /// Takes out what is known of a type, to be put back by ``put(_:)``.
  mutating func take(_ type: ResourceType) -> TypeState? {
    guard let index = index(of: type) else { return nil }
    var state = vacant
    swap(&state, &states[index])
    return state
  }

  /// Puts in what is known of a type, new or in its place.
  mutating func put(_ state: consuming TypeState) {
    let type = state.type
    if let index = index(of: type) { return states[index] = state }
    let rank = type.pushRank
    let place = order.firstIndex { $0.pushRank > rank } ?? order.count
    order.insert(type, at: place)
    states.insert(state, at: place)
  }

  /// Whether something holds of any type.
  mutating func contains(where predicate: (inout TypeState) -> Bool) -> Bool {
    for index in states.indices where predicate(&states[index]) { return true }
    return false
  }

  /// The sum of what all types have of something.
  mutating func sum(_ count: (inout TypeState) -> Int) -> Int {
    states.indices.reduce(0) { $0 + count(&states[$1]) }
  }

  private func index(of type: ResourceType) -> Int? { order.firstIndex(of: type) }
}
