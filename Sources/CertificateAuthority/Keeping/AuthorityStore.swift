// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Where a self-signed authority is kept: once for all replicas.
public protocol AuthorityStore: Sendable {
  /// Its name, for messages.
  var place: String { get }

  /// What is kept, and what tells it from other contents; nil where nothing is.
  func read() async throws(AuthorityError) -> KeptAuthority?

  /// Keeps an authority where there is none.
  ///
  /// - Returns: Whether this call did; else another replica was first.
  func create(_ authority: StoredAuthority) async throws(AuthorityError) -> Bool

  /// Replaces what is kept, whole.
  ///
  /// - Parameter version: What is replaced.
  /// - Returns: Whether this call did; else something else is kept by now.
  func replace(
    _ authority: StoredAuthority, version: String
  ) async throws(AuthorityError) -> Bool
}

/// An authority as it was read.
public struct KeptAuthority: Hashable, Sendable {
  /// What is kept.
  public var authority: StoredAuthority
  /// Tells it from what was kept before.
  public var version: String

  /// An authority of a version.
  public init(_ authority: StoredAuthority, version: String) {
    self.authority = authority
    self.version = version
  }
}

/// Keeps an authority for the life of the process.
public final class TransientAuthorityStore: AuthorityStore {
  private let state = Mutex<(authority: StoredAuthority, version: Int)?>(nil)

  /// A store without an authority.
  public init() {}

  /// Where it is.
  public var place: String { "this process" }

  /// What is kept.
  public func read() async throws(AuthorityError) -> KeptAuthority? {
    state.withLock { $0.map { KeptAuthority($0.authority, version: "\($0.version)") } }
  }

  /// Keeps an authority where there is none.
  public func create(_ authority: StoredAuthority) async throws(AuthorityError) -> Bool {
    state.withLock { state in
      guard state == nil else { return false }
      state = (authority, 1)
      return true
    }
  }

  /// Replaces what is kept.
  public func replace(
    _ authority: StoredAuthority, version: String
  ) async throws(AuthorityError) -> Bool {
    state.withLock { state in
      guard let kept = state, "\(kept.version)" == version else { return false }
      state = (authority, kept.version + 1)
      return true
    }
  }
}
