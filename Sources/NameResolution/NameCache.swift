// SPDX-License-Identifier: Apache-2.0

/// The names that somebody follows and what DNS said of them: asked for anew when an answer has
/// lived its time, kept where DNS cannot answer (istiod's cache of names of network gateways).
///
/// Times are since any moment, the same for all calls.
public struct NameCache: Sendable {
  /// For how long an answer holds.
  public struct Lifetimes: Sendable {
    /// The shortest time, also that after a failure; istiod: 30 s, so that DNS does not cause too
    /// many pushes.
    public var shortest: Duration = .seconds(30)
    /// The longest time; istiod: 1 h.
    public var longest: Duration = .seconds(3600)

    /// Istiod's.
    public init() {}
  }

  private enum State {
    /// A question is on its way.
    case asking
    /// The answer holds until then.
    case until(Duration)
  }

  private struct Entry {
    var state = State.asking
    var addresses: [String]?
    var hasAnswer = false
  }

  private var entries: [String: Entry] = [:]
  private let lifetimes: Lifetimes

  /// A cache of no names.
  public init(_ lifetimes: Lifetimes = Lifetimes()) { self.lifetimes = lifetimes }

  /// The addresses of each name that was ever answered.
  public var addresses: [String: [String]] { entries.compactMapValues(\.addresses) }

  /// Whether some name has not been answered yet, be it by a failure.
  public var isWaiting: Bool { entries.values.contains { !$0.hasAnswer } }

  /// Follows these names and no others; returns those to ask for.
  public mutating func follow(_ names: Set<String>) -> [String] {
    entries = entries.filter { names.contains($0.key) }
    let fresh = names.subtracting(entries.keys)
    for name in fresh { entries[name] = Entry() }
    return fresh.sorted()
  }

  /// Takes an answer that came at `now`; whether addresses differ.
  ///
  /// One for a name that is not followed any more counts for nothing.
  public mutating func take(_ answer: NameAnswer, for name: String, at now: Duration) -> Bool {
    guard var entry = entries[name] else { return false }
    let lifetime = answer.addresses == nil ? nil : answer.lifetime
    let bounded = min(max(lifetime ?? .zero, lifetimes.shortest), lifetimes.longest)
    let before = entry.addresses
    entry.addresses = answer.addresses ?? before
    entry.hasAnswer = true
    entry.state = .until(now + bounded)
    entries[name] = entry
    return entry.addresses ?? [] != before ?? []
  }

  /// When the next answer has lived its time; nil where none will.
  public var nextDeadline: Duration? {
    entries.values.compactMap { if case .until(let time) = $0.state { time } else { nil } }.min()
  }

  /// The names whose answers have lived their time at `now`, to be asked for anew.
  public mutating func expired(at now: Duration) -> [String] {
    let due = entries.compactMap { name, entry in
      if case .until(let time) = entry.state, time <= now { name } else { nil }
    }
    for name in due { entries[name]?.state = .asking }
    return due.sorted()
  }
}
