// SPDX-License-Identifier: Apache-2.0

/// What DNS says of a name.
public struct NameAnswer: Hashable, Sendable {
  /// Its IPv4 and IPv6 addresses, sorted; nil where no server could say.
  public var addresses: [String]?
  /// For how long the answer holds, by its records; nil where it has none.
  public var lifetime: Duration?

  /// An answer.
  public init(addresses: [String]?, lifetime: Duration?) {
    self.addresses = addresses
    self.lifetime = lifetime
  }

  /// What two answers, one a family, say together: a server that fails for one family takes
  /// nothing from the other.
  public init(_ one: NameAnswer, _ other: NameAnswer) {
    let known = [one.addresses, other.addresses].compactMap(\.self)
    addresses = known.isEmpty ? nil : known.joined().sorted()
    let lifetimes = [one, other].filter { $0.addresses != nil }.map(\.lifetime)
    // An answer without records says nothing of time, and is not to be held for long.
    lifetime = lifetimes.contains(nil) ? nil : lifetimes.compactMap(\.self).min()
  }
}
