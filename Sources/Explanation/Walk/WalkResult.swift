// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
public import Configuration

/// What a request met on its way, and where it came out.
public struct WalkResult: Hashable, Sendable {
  /// The parts of the configuration that it went through, in order.
  public var steps: [WalkStep] = []
  /// Where it came out.
  public var outcome: WalkOutcome
}

/// One part of the configuration on a request's way.
public struct WalkStep: Hashable, Sendable {
  /// What part it is.
  public enum Kind: String, Hashable, Sendable {
    /// A listener.
    case listener
    /// A filter chain of a listener.
    case filterChain = "filter chain"
    /// A virtual host of a route configuration.
    case virtualHost = "virtual host"
    /// A route of a virtual host.
    case route
    /// A cluster.
    case cluster
    /// The endpoints of a cluster.
    case endpoints
  }

  /// What part it is.
  public var kind: Kind
  /// Its name; of a filter chain or route without one, its number among the others.
  public var name: String
  /// The resource that it is a part of, where that is another: of a virtual host and a route the
  /// route configuration.
  public var resource = ""
  /// What it does, a sentence or phrase each.
  public var details: [String] = []
  /// The objects that made it, the first in charge.
  public var sources: [ObjectKey] = []
  /// What stood beside it and was not taken, in the order of the configuration.
  public var passedOver: [PassedOver] = []
  /// Of a filter chain, what it is for and leads to.
  var chain: ChainReferences?
}

/// What was not taken, and why.
public struct PassedOver: Hashable, Sendable {
  /// What it is.
  public var name: String
  /// Why it was passed over: one sentence, without a stop.
  public var reason: String
  /// The objects that made it.
  public var sources: [ObjectKey] = []

  /// Something that was not taken.
  public init(_ name: String, _ reason: String, sources: [ObjectKey] = []) {
    self.name = name
    self.reason = reason
    self.sources = sources
  }
}

/// Where a request comes out.
public enum WalkOutcome: Hashable, Sendable, CustomStringConvertible {
  /// A cluster and its share.
  public struct Target: Hashable, Sendable {
    /// The cluster.
    public var cluster: String
    /// Its weight among the others.
    public var weight: UInt32
  }

  /// It goes to a cluster, or to one of several by weight.
  case clusters([Target])
  /// It is sent elsewhere: `https://host/path`, of which parts that stay are left out.
  case redirect(status: UInt32, location: String)
  /// The proxy answers by itself.
  case response(status: UInt32)
  /// No virtual host or no route is for it: 404.
  case noRoute
  /// No filter chain takes the connection, which is closed.
  case closed
  /// Nothing listens there.
  case notListening

  /// `CLUSTER`, `90 CLUSTER, 10 CLUSTER`, `redirect 301 LOCATION`, `respond 503`, `no route`, `closed` or
  /// `not listening`.
  public var description: String {
    switch self {
    case .clusters(let targets) where targets.count == 1: targets[0].cluster
    case .clusters(let targets):
      targets.map { "\($0.weight) \($0.cluster)" }.joined(separator: ", ")
    case .redirect(let status, let location): "redirect \(status) \(location)"
    case .response(let status): "respond \(status)"
    case .noRoute: "no route"
    case .closed: "closed"
    case .notListening: "not listening"
    }
  }

  /// The clusters that it may go to.
  public var clusters: [String] {
    if case .clusters(let targets) = self { targets.map(\.cluster) } else { [] }
  }
}
