// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel

/// One filter chain of a listener for traffic from the workload.
struct OutboundChain: Hashable, Sendable {
  /// What becomes of the traffic.
  enum Content: Hashable, Sendable {
    case connections(NetworkFilterStack)
    case requests(HTTPConnectionManagerInputs)
  }

  /// The SNI that it is for; empty, or with `*`, for all.
  var serverNames: [String] = []
  /// The ranges or addresses that it is for; empty for all.
  var destinations: [String] = []
  /// What sniffing or ALPN calls the traffic that it is for; empty for all.
  var applicationProtocols: [String] = []
  /// `raw_buffer`, or empty for all.
  var transportProtocol = ""
  /// The object that asked for it.
  var source: ObjectKey?
  /// What becomes of the traffic.
  var content: Content

  /// Whether every connection matches.
  var matchesAll: Bool {
    (serverNames.isEmpty || serverNames.contains("*")) && applicationProtocols.isEmpty
      && transportProtocol.isEmpty && destinations.isEmpty
  }

  /// Whether Envoy would take the matches of two chains for one.
  func conflicts(with other: OutboundChain) -> Bool {
    transportProtocol == other.transportProtocol
      && applicationProtocols == other.applicationProtocols
      && namesToMatch == other.namesToMatch && rangesToMatch == other.rangesToMatch
  }

  /// The ranges as they are matched, beside what was written.
  fileprivate var matchedRanges: [(text: String, written: String)] {
    destinations.compactMap { written in
      guard let range = written.asRange, !range.address.isUnspecifiedIPv4 else { return nil }
      return ("\(range.masked.address)/\(range.prefixLength)", written)
    }
  }

  private var namesToMatch: Set<String> { Set(serverNames).subtracting(["*"]) }

  private var rangesToMatch: Set<IPRange> {
    Set(destinations.compactMap(\.asRange).filter { !$0.address.isUnspecifiedIPv4 }.map(\.masked))
  }

  /// The message; without a match where ``matchesAll``.
  func make(
    _ environment: FilterEnvironment, connectTimeout: Duration?, in arena: Arena
  ) -> Envoy.FilterChain {
    Envoy.FilterChain(arena) { chain in
      chain.transportSocketConnectTimeout = connectTimeout
      if let source {
        var metadata = IstioMetadata()
        metadata.set(config: source)
        chain.metadata = metadata.message(in: arena)
      }
      switch content {
      case .connections(let stack): chain.filters = .init(stack.make(environment, in: arena))
      case .requests(let manager): chain.filters = [manager.filter(in: arena)]
      }
      if !matchesAll { chain.filterChainMatch = match(in: arena) }
    }
  }

  private func match(in arena: Arena) -> Envoy.FilterChainMatch {
    Envoy.FilterChainMatch(arena) { match in
      match.applicationProtocols = .init(applicationProtocols)
      match.transportProtocol = transportProtocol
      if !serverNames.contains("*") { match.serverNames = .init(serverNames.sorted()) }
      for text in destinations.sorted() {
        guard let range = text.asRange, !range.address.isUnspecifiedIPv4 else { continue }
        match.prefixRanges.append(range.message(in: arena))
      }
    }
  }

  /// Whether clients must begin with TLS for it to be chosen.
  var needsTLSInspector: Bool {
    guard serverNames.isEmpty else { return true }
    guard case .connections(let stack) = content else { return false }
    return stack.dynamicHost != nil
  }
}

extension [OutboundChain] {
  /// Without what an earlier chain matches.
  func droppingUnreachable() -> [OutboundChain] {
    var taken = TakenMatches()
    return compactMap { chain in
      let all = chain.matchedRanges
      let left = taken.take(
        names: chain.serverNames.contains("*") ? [] : chain.serverNames, ranges: all.map(\.text),
        others: [chain.transportProtocol] + chain.applicationProtocols.sorted())
      guard let left else { return nil }
      var chain = chain
      if !left.names.isEmpty { chain.serverNames = left.names }
      if left.ranges.count < all.count {
        chain.destinations = all.filter { left.ranges.contains($0.text) }.map(\.written)
      }
      return chain
    }
  }
}

extension String {
  /// An address or range as a range.
  var asRange: IPRange? {
    if let range = IPRange(self) { return range }
    return IPAddress(self).flatMap { IPRange($0, prefixLength: $0.width) }
  }
}

extension IPAddress {
  /// Whether it is 0.0.0.0.
  fileprivate var isUnspecifiedIPv4: Bool { isIPv4 && isUnspecified }
}

extension IPRange {
  /// The range named by its first address.
  fileprivate var masked: IPRange {
    let kept = address.width - prefixLength
    let bits = kept >= 128 ? 0 : (address.bits >> UInt128(kept)) << UInt128(kept)
    let first =
      address.isIPv4 ? IPAddress(ipv4: UInt32(truncatingIfNeeded: bits)) : IPAddress(ipv6: bits)
    return IPRange(first, prefixLength: prefixLength) ?? self
  }
}
