// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import Logging
import MeshModel
import Synchronization

/// Whether the proxy may read the secrets of its namespace.
extension ProxyStream {
  /// How soon it is asked again where there was no answer.
  private static let patience = Duration.seconds(6)

  /// Asks whether the proxy may read secrets, once it has asked for any; what is to be done where the
  /// answer is another than before.
  ///
  /// One who may not is asked about again after a while: no push tells that somebody allows it.
  func reviewSecrets(isAskedFor: Bool, _ timers: inout StreamTimers) async -> [StreamAction] {
    guard let mayRead = server.configuration.mayReadSecrets else { return [] }
    let (identity, isWatched) = state.withLock { state in
      state.watchesSecrets = state.watchesSecrets || isAskedFor
      return (state.node?.identity, state.watchesSecrets)
    }
    guard isWatched, let identity else { return [] }
    let answer = await mayRead(identity)
    let isAllowed = answer ?? identity.mayReadSecrets
    if !isAllowed {
      let interval = server.configuration.secretReviewInterval
      timers.review(after: answer == nil ? min(interval, ProxyStream.patience) : interval)
      sayRefusal(identity, isAnswered: answer != nil)
    }
    guard isAllowed != identity.mayReadSecrets else { return [] }
    let snapshot = state.withLock { state in
      state.node?.identity?.mayReadSecrets = isAllowed
      state.isToldOfSecrets = state.isToldOfSecrets && !isAllowed
      return state.snapshot
    }
    guard let snapshot else { return [] }
    return handle(PendingPush(snapshot: snapshot, scope: .everything, origin: .now))
  }

  /// Says once why the proxy waits for its secrets.
  private func sayRefusal(_ identity: VerifiedIdentity, isAnswered: Bool) {
    let node = state.withLock { state -> ProxyNode? in
      defer { state.isToldOfSecrets = true }
      return state.isToldOfSecrets ? nil : state.node
    }
    guard let node else { return }
    let why =
      isAnswered
      ? "its service account \(identity.namespace)/\(identity.serviceAccount) may not list the secrets "
        + "of its namespace"
      : "the API server does not say whether it may"
    server.log.warn("ADS: \(id(of: node)) asks for secrets, which it does not get: \(why)")
  }
}
