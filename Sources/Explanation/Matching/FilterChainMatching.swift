// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI

/// What a listener knows of a connection when it chooses a filter chain.
struct Connection {
  /// The address that the client connected to.
  var address: String
  /// The port that the client connected to.
  var port: UInt32
  /// The name in SNI; empty where there is none, or nothing looks at it.
  var serverName = ""
  /// `tls` or `raw_buffer`.
  var transport = "raw_buffer"
  /// What the client offers, or what was sniffed.
  var applicationProtocols: [String] = []
}

/// Envoy's choice of a filter chain: criterion after criterion, each time the most specific value
/// that any chain left has; there is no way back.
struct FilterChainChoice {
  /// The place of the chain that is chosen among the listener's; nil for the default, or for none.
  private(set) var chosen: Int?
  /// Why the others are not, by place.
  private(set) var reasons: [Int: Mismatch] = [:]
  private var left: [Int]
  private let matches: [Envoy.FilterChainMatch?]

  init(_ chains: some Sequence<Envoy.FilterChain>, for connection: Connection) {
    matches = chains.map(\.filterChainMatch)
    left = Array(matches.indices)
    let address = IPAddress(connection.address)
    narrow("port", connection.port.description) { match in
      guard let port = match?.destinationPort else { return 0 }
      return port == connection.port ? 1 : nil
    }
    narrow("destination", connection.address) { match in
      let ranges = match.map { Array($0.prefixRanges) } ?? []
      if ranges.isEmpty { return 0 }
      return ranges.compactMap { range in
        address.flatMap { range.contains($0) ? Int(range.prefixLen ?? 0) + 1 : nil }
      }.max()
    }
    narrow("SNI", connection.serverName.isEmpty ? "none" : connection.serverName) { match in
      let names = match.map { Array($0.serverNames) } ?? []
      if names.isEmpty { return 0 }
      return names.compactMap { rank(of: $0.lowercased(), for: connection.serverName) }.max()
    }
    narrow("transport protocol", connection.transport) { match in
      guard let wanted = match?.transportProtocol, !wanted.isEmpty else { return 0 }
      return wanted == connection.transport ? 1 : nil
    }
    let offered = connection.applicationProtocols
    narrow("ALPN", offered.isEmpty ? "none" : offered.joined(separator: ", ")) { match in
      let wanted = match.map { Array($0.applicationProtocols) } ?? []
      if wanted.isEmpty { return 0 }
      // The client's first choice counts most.
      return offered.firstIndex(where: wanted.contains).map { offered.count - $0 }
    }
    narrow("source", "a client elsewhere") { match in
      guard let match else { return 0 }
      let isOpen =
        match.sourcePrefixRanges.isEmpty && match.directSourcePrefixRanges.isEmpty
        && match.sourcePorts.isEmpty && match.sourceType == .any
      return isOpen ? 0 : nil
    }
    chosen = left.first
  }

  /// Keeps the chains with the most specific value of one criterion.
  ///
  /// - Parameter rank: How closely a chain's value means the connection's; 0 for a chain that does not
  ///   ask, nil for one that asks for something else.
  private mutating func narrow(
    _ criterion: String, _ value: String, rank: (Envoy.FilterChainMatch?) -> Int?
  ) {
    let ranks = left.map { (place: $0, rank: rank(matches[$0])) }
    let best = ranks.compactMap(\.rank).max()
    for (place, rank) in ranks where rank == nil || rank != best {
      reasons[place] =
        rank == nil
        ? "is for another \(criterion); the connection's is \(value)"
        : "another chain is for this \(criterion) (\(value)) more closely"
    }
    left = ranks.filter { $0.rank != nil && $0.rank == best }.map(\.place)
  }
}

/// How closely a name of SNI, or a pattern, means another; nil where it does not.
private func rank(of pattern: String, for name: String) -> Int? {
  if pattern == name { return name.isEmpty ? nil : 1_000_000 }
  if pattern == "*" { return 0 }
  let ending =
    pattern.hasPrefix("*") ? pattern.dropFirst() : pattern.hasPrefix(".") ? pattern[...] : ""
  guard !ending.isEmpty, name.hasSuffix(ending), name.utf8.count > ending.utf8.count else {
    return nil
  }
  return ending.utf8.count
}

extension Envoy.CidrRange {
  /// Whether an address is in the range.
  fileprivate func contains(_ address: IPAddress) -> Bool {
    guard let first = IPAddress(addressPrefix),
      let range = IPRange(first, prefixLength: Int(prefixLen ?? 0))
    else { return false }
    return range.contains(address)
  }
}
