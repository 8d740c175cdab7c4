// SPDX-License-Identifier: Apache-2.0

/// A change to another root that no proxy notices.
///
/// ```
///          begin                advance: all trust both      advance: no leaf of the old root
/// (rest) ─────────▶ distributing ───────────────▶ signing ──────────────────────▶ (rest, new root)
///    ▲                  │ abort                     │ abort
///    ├──────────────────┘                           ▼
///    └────────────────────────────────────────  reverting      advance: no leaf of the new root
/// ```
///
/// In every phase both roots are trusted. The old one signs while the new one is distributed, and
/// when the change is taken back.
public struct AuthorityRotation: Hashable, Sendable {
  /// How far it is.
  public enum Phase: String, Hashable, Sendable {
    /// The new root goes to all proxies; the old one signs.
    case distributing
    /// The new root signs; certificates of the old one run out.
    case signing
    /// The old root signs again; certificates of the new one run out.
    case reverting
  }

  /// How far it is.
  public var phase: Phase
  /// The new root.
  public var next: AuthorityPair
  /// When it began, in seconds since 1970.
  public var startedAt: Int64
  /// When the phase began, in seconds since 1970.
  public var phaseStartedAt: Int64
  /// The proxies that nobody waits for, by node id or `name.namespace`.
  public var excluded: Set<String> = []

  init(phase: Phase, next: AuthorityPair, startedAt: Int64, phaseStartedAt: Int64) {
    self.phase = phase
    self.next = next
    self.startedAt = startedAt
    self.phaseStartedAt = phaseStartedAt
  }

  /// Whether the operator has said that nobody waits for a proxy.
  public func excludes(_ proxy: ProxyTrust) -> Bool {
    proxy.names.contains { excluded.contains($0) }
  }

  /// The proxies that the next step waits for.
  public func waiting(among proxies: [ProxyTrust]) -> [ProxyTrust] {
    proxies.filter { proxy in
      guard !excludes(proxy) else { return false }
      return phase == .distributing ? !proxy.trustsBoth : !proxy.hasLeafOfSigner
    }
  }
}

/// How far a connected proxy follows a rotation, as far as is known.
public struct ProxyTrust: Hashable, Sendable {
  /// The names by which operators may mean it, the one to show first.
  public var names: [String]
  /// Whether it has acknowledged both roots.
  public var trustsBoth: Bool
  /// Whether its certificate comes from the root that signs now.
  public var hasLeafOfSigner: Bool

  /// What is known of a proxy.
  public init(names: [String], trustsBoth: Bool, hasLeafOfSigner: Bool) {
    self.names = names
    self.trustsBoth = trustsBoth
    self.hasLeafOfSigner = hasLeafOfSigner
  }
}

extension StoredAuthority {
  /// Begins a change to a new root.
  public mutating func beginRotation(
    to next: AuthorityPair, at now: Int64
  ) throws(AuthorityError) {
    if let rotation {
      throw AuthorityError(
        "a rotation is under way (\(rotation.phase.rawValue)): advance it, or abort it first")
    }
    rotation = AuthorityRotation(
      phase: .distributing, next: next, startedAt: now, phaseStartedAt: now)
  }

  /// Takes the next step, where nobody is waited for any more.
  public mutating func advanceRotation(
    among proxies: [ProxyTrust], at now: Int64
  ) throws(AuthorityError) {
    guard var changed = rotation else { throw StoredAuthority.noRotation }
    let waiting = changed.waiting(among: proxies).map { $0.names.first ?? "?" }
    guard waiting.isEmpty else {
      let shown = waiting.prefix(10).joined(separator: ", ")
      let more = waiting.count > 10 ? " and \(waiting.count - 10) more" : ""
      throw AuthorityError("the rotation waits (\(changed.phase.rawValue)) for \(shown)\(more)")
    }
    switch changed.phase {
    case .distributing:
      changed.phase = .signing
      changed.phaseStartedAt = now
      rotation = changed
    case .signing:
      current = changed.next
      rotation = nil
      rotationCount += 1
    case .reverting:
      rotation = nil
      rotationCount += 1
    }
  }

  /// Goes back to the old root.
  public mutating func abortRotation(at now: Int64) throws(AuthorityError) {
    guard let phase = rotation?.phase else { throw StoredAuthority.noRotation }
    switch phase {
    case .distributing:
      // Nothing was signed by the new root.
      rotation = nil
      rotationCount += 1
    case .signing:
      rotation?.phase = .reverting
      rotation?.phaseStartedAt = now
    case .reverting: throw AuthorityError("the rotation is being taken back already")
    }
  }

  /// Waits for these proxies no longer.
  public mutating func excludeFromRotation(_ names: [String]) throws(AuthorityError) {
    guard rotation != nil else { throw StoredAuthority.noRotation }
    rotation?.excluded.formUnion(names)
  }

  private static let noRotation = AuthorityError("no rotation is under way")
}
