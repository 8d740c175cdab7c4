// SPDX-License-Identifier: Apache-2.0

import Configuration
import MeshModel
import ServiceDiscovery

/// A place where a listener for outbound traffic can be.
struct ListenerPlace: Hashable, Sendable {
  /// The main address; a path for a Unix socket.
  var address: String
  /// The port; 0 for a Unix socket.
  var port: UInt32
}

/// A listener while services add to it.
struct OutboundEntry {
  /// The addresses, the main one first.
  var addresses: [String]
  /// Whether it binds a port of the machine.
  var bindsPort: Bool
  /// The port of the service that it was made for.
  var port: ServicePort
  /// What is spoken; `unsupported` once both requests and connections are.
  var spoken: PortProtocol
  /// The chains.
  var chains: [OutboundChain]
  /// Whether it belongs to a listener of the Sidecar, so that no service adds to it any more.
  var isLocked = false

  /// Adds the chains whose matches no other has.
  fileprivate mutating func merge(_ new: [OutboundChain]) {
    for chain in new where !chains.contains(where: { $0.conflicts(with: chain) }) {
      chains.append(chain)
    }
  }
}

/// The listeners for outbound traffic by place, as services add to them in order.
struct OutboundEntries {
  /// The listeners.
  private(set) var entries: [ListenerPlace: OutboundEntry] = [:]

  /// No service adds to what is there now.
  mutating func lock() {
    for place in entries.keys { entries[place]?.isLocked = true }
  }

  /// Whether a listener is taken by the Sidecar.
  func isLocked(_ place: ListenerPlace) -> Bool { entries[place]?.isLocked ?? false }

  /// What is spoken at a place so far.
  func spoken(at place: ListenerPlace) -> PortProtocol? { entries[place]?.spoken }

  /// Puts a listener for any host there, in place of what was.
  mutating func put(_ entry: OutboundEntry, at place: ListenerPlace) { entries[place] = entry }

  /// Adds a service's port that speaks `declared`, whose chains are `new`.
  ///
  /// Where requests and connections meet the proxy sniffs, but for protocols in which the server
  /// speaks first; a service whose chains others have already is left out (Istio's rules).
  mutating func add(
    _ new: OutboundEntry, declared: PortProtocol, at place: ListenerPlace
  ) {
    guard var known = entries[place] else {
      entries[place] = new
      return
    }
    let serverFirst: Set<PortProtocol> = [.mongo, .mysql]
    let isServerFirst = serverFirst.contains(declared) || serverFirst.contains(known.spoken)
    guard !isServerFirst || declared == known.spoken else { return }
    switch (declared.isHTTP, declared.isSniffed) {
    case (true, _):
      // Requests that are already routed: the hosts come by the route configuration.
      guard known.spoken.isTCP else { return }
      known.merge(new.chains)
      known.spoken = .unsupported
    case (_, true) where known.spoken.isHTTP: known = new
    case (_, true) where known.spoken.isTCP:
      known.merge(new.chains)
      known.spoken = .unsupported
    // Where the proxy sniffs already, the first service stays.
    case (_, true): return
    default:
      known.merge(new.chains)
      if known.spoken.isHTTP { known.spoken = .unsupported }
    }
    entries[place] = known
  }
}
