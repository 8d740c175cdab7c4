// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import MeshModel

/// A snapshot on its way to one stream; a newer one takes the place of one not yet taken.
struct PendingPush: Sendable {
  var snapshot: MeshSnapshot
  var scope: PushScope
  var origin: ContinuousClock.Instant

  /// Puts a newer push in this one's place.
  mutating func merge(_ newer: PendingPush) {
    snapshot = newer.snapshot
    scope = scope.merged(with: newer.scope)
    origin = min(origin, newer.origin)
  }
}

/// What one stream has to do next, and in which order; a value without IO and without a clock.
struct StreamInbox: Sendable {
  /// The next thing to do.
  enum Item: Sendable {
    case request(StreamRequest)
    case push(PendingPush)
    case end
    /// Nothing is there; a deadline may be due.
    case nothing
  }

  private(set) var requests: [StreamRequest] = []
  /// Endpoints alone, which overtake configuration.
  private var endpoints: PendingPush?
  private var configuration: PendingPush?
  /// When the stream shall end; nil for not yet.
  private(set) var endsAt: ContinuousClock.Instant?

  var isEmpty: Bool { requests.isEmpty && endpoints == nil && configuration == nil }

  var hasEndpoints: Bool { endpoints != nil }

  mutating func put(_ request: StreamRequest) { requests.append(request) }

  mutating func put(_ push: PendingPush) {
    guard !push.scope.configuration else {
      if configuration == nil { configuration = push } else { configuration?.merge(push) }
      return
    }
    if endpoints == nil { endpoints = push } else { endpoints?.merge(push) }
    guard configuration != nil else { return }
    configuration?.snapshot = push.snapshot
    endpoints?.scope.isAhead = true
  }

  /// Asks the stream to end at a time; an earlier one that was asked for stays.
  mutating func end(at time: ContinuousClock.Instant) { endsAt = min(endsAt ?? time, time) }

  /// Takes what comes next: the end, endpoints, requests, and at last configuration.
  mutating func take(at now: ContinuousClock.Instant) -> Item {
    if let endsAt, endsAt <= now { return .end }
    if let push = endpoints {
      endpoints = nil
      return .push(push)
    }
    if !requests.isEmpty { return .request(requests.removeFirst()) }
    guard let push = configuration else { return .nothing }
    configuration = nil
    return .push(push)
  }
}
