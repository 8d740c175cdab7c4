// SPDX-License-Identifier: Apache-2.0

import CertificateAuthority
import KubernetesClient
import KubernetesIdentity
import Logging
import StateDirectory
import Synchronization

/// Where the signing authority comes from: plugged in, or kept in a Secret, in the state directory, or
/// for the life of this process.
final class AuthoritySource: Sendable {
  private struct State {
    var marks: [FileMark?]?
    var nextLook: Int64 = 0
    var nextRenewal: Int64?
  }

  /// What keeps a self-signed authority; nil where one is plugged in.
  let keeper: AuthorityKeeper?
  /// Whether who keeps it may be away at the start.
  let mayComeLater: Bool
  private let files: AuthorityFiles?
  private let authority: CertificateAuthority
  private let options: IdentityOptions
  private let state = Mutex(State())
  private let log: Logger

  /// How often, in seconds, an API server is asked whether another replica has changed the authority.
  private static let secretInterval: Int64 = 10

  /// Looks where the authority is.
  init(
    _ options: IdentityOptions, trustDomain: String, client: KubernetesClient?,
    state directory: StateDirectory?, authority: CertificateAuthority, log: Logger
  ) {
    self.options = options
    self.authority = authority
    self.log = log
    let folder = options.authorityFolder
    let isOurs = options.usesPluggedInName && FileMark("\(folder)/istio-generated") != nil
    files = isOurs ? nil : AuthorityFiles.found(in: folder)
    guard files == nil else {
      (keeper, mayComeLater) = (nil, false)
      return
    }
    let store: any AuthorityStore
    if let client {
      store = SecretAuthorityStore(
        client, namespace: options.systemNamespace, usesPluggedInName: options.usesPluggedInName)
    } else if let directory {
      store = DirectoryAuthorityStore(directory)
    } else {
      store = TransientAuthorityStore()
      log.warn(
        "signing by an authority that ends with this process, since neither \(folder) nor "
          + "--stateDir is there")
    }
    mayComeLater = client != nil
    var policy = SelfSignedPolicy(organization: trustDomain)
    policy.algorithm = options.keyAlgorithm
    if let lifetime = options.rootLifetime { policy.lifetime = lifetime }
    keeper = AuthorityKeeper(
      store, authority: authority, policy: policy, renewal: options.rootRenewal,
      copy: client == nil ? nil : directory, now: { Int64(WallClock.now()) })
  }

  /// Its name, for messages.
  var place: String { keeper?.store.place ?? options.authorityFolder }

  /// Takes over what is new; the authority in force stays where that cannot be used.
  ///
  /// - Returns: Whether anything was; nil where it was not time to look.
  func refresh(now: Int64) async throws(AuthorityError) -> Bool? {
    if let files { return try refresh(files, now: now) }
    guard let keeper, isTimeToLook(now) else { return nil }
    let isNew = try await keeper.refresh()
    guard isTimeToRenew(now) else { return isNew }
    let isRenewed = try await keeper.renewIfDue()
    if isRenewed { log.info("the root, whose end was near, was renewed in \(place)") }
    return isNew || isRenewed
  }

  /// Takes over the copy of a Secret's authority where nothing is in force; whether it did.
  func restore() -> Bool { keeper?.restoreCopy() ?? false }

  private func refresh(_ files: AuthorityFiles, now: Int64) throws(AuthorityError) -> Bool? {
    let fresh = files.marks
    let isNew = state.withLock { state in
      defer { state.marks = fresh }
      return state.marks != fresh
    }
    guard isNew else { return nil }
    let signer = try SigningAuthority(files, now: now)
    try authority.replace(with: signer)
    return true
  }

  private func isTimeToLook(_ now: Int64) -> Bool {
    guard mayComeLater, authority.current != nil else { return true }
    return state.withLock { state in
      guard now >= state.nextLook else { return false }
      state.nextLook = now + AuthoritySource.secretInterval
      return true
    }
  }

  /// Whether the root's end is to be looked at: after a random part of the first interval, so that
  /// replicas do not do it together, and once an interval from then on.
  private func isTimeToRenew(_ now: Int64) -> Bool {
    let interval = options.rootCheckInterval
    guard interval > 0 else { return false }
    return state.withLock { state in
      guard let next = state.nextRenewal else {
        let wait = options.jittersRootCheck ? Int64.random(in: 0..<interval) : 0
        state.nextRenewal = now + wait + interval
        return false
      }
      guard now >= next else { return false }
      state.nextRenewal = now + interval
      return true
    }
  }
}
