// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import DiscoveryServer

/// How a proxy stands, all types together: the worst counts.
enum ProxyStanding: Int, Comparable, CaseIterable {
  /// It has acknowledged all that it was to be sent.
  case synced
  /// It lacks something, or has not acknowledged it yet.
  case stale
  /// It refused something.
  case error

  /// How a stream stands; a type of which nothing is sent counts for nothing.
  init(_ connection: ConnectionStatus) {
    let each = connection.types.map { type -> ProxyStanding in
      switch type.state {
      case .synced, .notSent: .synced
      case .stale, .warming: .stale
      case .error: .error
      }
    }
    let sentAny = connection.types.contains { $0.state != .notSent }
    self = sentAny ? each.max() ?? .stale : .stale
  }

  /// The word for it.
  var word: String {
    switch self {
    case .synced: "synced"
    case .stale: "stale"
    case .error: "error"
    }
  }

  /// The class of its colour in ``IndexStyle``.
  var colour: String {
    switch self {
    case .synced: "good"
    case .stale: "wait"
    case .error: "bad"
    }
  }

  static func < (left: ProxyStanding, right: ProxyStanding) -> Bool {
    left.rawValue < right.rawValue
  }
}
