// SPDX-License-Identifier: Apache-2.0

import Cryptography
import JSON
public import StateDirectory
import Synchronization

/// When a self-signed root is made anew, with the same key.
public struct RootRenewal: Hashable, Sendable {
  /// The last part of its life in which it is renewed, in percent
  /// (`CITADEL_SELF_SIGNED_ROOT_CERT_GRACE_PERIOD_PERCENTILE`).
  public var gracePercent: Int64 = 20

  /// The last fifth.
  public init() {}

  /// Whether a root is to be renewed.
  func isDue(_ root: Certificate, at now: Int64) -> Bool {
    let life = root.notAfter - root.notBefore
    return root.notAfter - now < life / 100 * gracePercent + life % 100 * gracePercent / 100
  }
}

/// Keeps a self-signed authority in force as its store has it, and changes it there.
///
/// Any replica may change it; each takes over what another has written when it looks next.
public final class AuthorityKeeper: Sendable {
  /// Where the authority is kept.
  public let store: any AuthorityStore
  private let authority: CertificateAuthority
  private let policy: SelfSignedPolicy
  private let renewal: RootRenewal
  private let now: @Sendable () -> Int64
  private let copy: StateDirectory?
  private let state = Mutex<KeptAuthority?>(nil)

  /// The file of the copy in a state directory.
  private static let copyFile = "cluster-ca.json"

  /// How often a change is tried again where another replica was first.
  private static let attempts = 5

  /// A keeper of the authority that `authority` is to issue by.
  ///
  /// - Parameter copy: Where what is in force is copied, for a start while the store is away; nil for
  ///   no copy.
  public init(
    _ store: any AuthorityStore, authority: CertificateAuthority, policy: SelfSignedPolicy,
    renewal: RootRenewal = RootRenewal(), copy: StateDirectory? = nil,
    now: @escaping @Sendable () -> Int64
  ) {
    self.copy = copy
    self.store = store
    self.authority = authority
    self.policy = policy
    self.renewal = renewal
    self.now = now
  }

  /// What is in force; nil before the first reading.
  public var current: StoredAuthority? { state.withLock { $0?.authority } }

  /// Takes over what the store has, made where it has nothing.
  ///
  /// - Returns: Whether anything was taken over.
  @discardableResult
  public func refresh() async throws(AuthorityError) -> Bool {
    if let kept = try await store.read() { return try take(kept) }
    let made: StoredAuthority
    do throws(CryptographyError) {
      made = StoredAuthority(try AuthorityPair(policy, now: now()))
    } catch {
      throw AuthorityError("an authority cannot be made: \(error)")
    }
    // Where another was first, its authority is read below.
    _ = try await store.create(made)
    guard let kept = try await store.read() else {
      throw AuthorityError("the authority that \(store.place) was given is not there")
    }
    return try take(kept)
  }

  /// Changes what is kept, and takes it over: read, edited and replaced whole, again where another
  /// replica was first.
  public func change(
    _ edit: @Sendable (inout StoredAuthority) throws(AuthorityError) -> Void
  ) async throws(AuthorityError) {
    for _ in 0..<AuthorityKeeper.attempts {
      guard let kept = try await store.read() else {
        throw AuthorityError("\(store.place) keeps no authority")
      }
      var changed = kept.authority
      try edit(&changed)
      guard changed != kept.authority else { return }
      _ = try changed.signingAuthority(store.place, at: now())
      guard try await store.replace(changed, version: kept.version) else { continue }
      try await refresh()
      return
    }
    throw AuthorityError("\(store.place) is being changed by others: try again")
  }

  /// A new root, for a rotation.
  public func makeNext() throws(AuthorityError) -> AuthorityPair {
    do throws(CryptographyError) {
      return try AuthorityPair(policy, now: now())
    } catch {
      throw AuthorityError("a root cannot be made: \(error)")
    }
  }

  /// Makes the root anew where its end is near, with the same key and name, so that what it signed
  /// stays good; not while a rotation is under way.
  ///
  /// - Returns: Whether it did.
  public func renewIfDue() async throws(AuthorityError) -> Bool {
    let (now, life) = (now(), policy.lifetime)
    let renewal = renewal
    let before = current
    try await change { stored throws(AuthorityError) in
      guard stored.rotation == nil else { return }
      do throws(CryptographyError) {
        let old = try Certificate(pem: Array(stored.current.certificatePEM.utf8))
        guard renewal.isDue(old, at: now) else { return }
        let key = try PrivateKey(pem: Array(stored.current.keyPEM.utf8))
        stored.current.certificatePEM = try Certificate(
          renewing: old, notBefore: now - IssuingPolicy.backdating, notAfter: now + life, key: key
        ).pem
      } catch {
        throw AuthorityError("the root cannot be renewed: \(error)")
      }
    }
    return current != before
  }

  private func take(_ kept: KeptAuthority) throws(AuthorityError) -> Bool {
    guard state.withLock({ $0 != kept }) else { return false }
    let signer = try kept.authority.signingAuthority(store.place, at: now())
    authority.install(signer)
    state.withLock { $0 = kept }
    // Without a copy a start while the store is away has to wait: no reason not to go on.
    try? copy?.replace(
      AuthorityKeeper.copyFile, Array(kept.authority.json().text().utf8))
    return true
  }

  /// Takes over the copy, where there is one that can be used and nothing is in force yet.
  ///
  /// - Returns: Whether it did.
  public func restoreCopy() -> Bool {
    guard authority.current == nil, let copy,
      let bytes = try? FileBytes.read(copy.path(AuthorityKeeper.copyFile)),
      let json = try? JSONValue(parsing: bytes), let stored = try? StoredAuthority(json: json),
      let signer = try? stored.signingAuthority(store.place, at: now())
    else { return false }
    authority.install(signer)
    return true
  }
}
