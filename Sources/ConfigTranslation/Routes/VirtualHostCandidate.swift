// SPDX-License-Identifier: Apache-2.0

import Bytes
import EnvoyAPI
import ServiceDiscovery

/// A virtual host as bytes: packed once, and put into every route configuration that has it.
final class EncodedVirtualHost: Hashable, Sendable {
  let plan: VirtualHostPlan
  /// The field of a route configuration, its tag and length included.
  let field: SharedBytes
  let digest: ContentDigest

  init(_ plan: VirtualHostPlan) {
    self.plan = plan
    let packed = Arena.scope { plan.message(in: $0).packed }
    var writer = WireWriter()
    writer.field(2, packed)
    field = SharedBytes(writer.bytes)
    digest = field.withUnsafeBytes { ContentDigest(of: $0) }
  }

  /// Equal when the bytes are.
  static func == (left: EncodedVirtualHost, right: EncodedVirtualHost) -> Bool {
    left === right || left.digest == right.digest
  }

  func hash(into hasher: inout Hasher) { hasher.combine(digest) }
}

/// A virtual host before it is known which of its domains another has taken.
final class VirtualHostCandidate: Sendable {
  /// The host with all domains that it might have.
  let host: EncodedVirtualHost
  /// The port that it is for.
  let port: UInt32
  /// Of the domains those that nobody wrote.
  let made: [String]
  /// The names of the service, which no other host's made name may stand for.
  let fullNames: [String]
  /// The domains in lower case, digested, to see at once whether two hosts share one.
  let domainDigests: [UInt64]

  init(_ plan: VirtualHostPlan, port: UInt32, made: [String] = [], fullNames: [String] = []) {
    host = EncodedVirtualHost(plan)
    self.port = port
    self.made = made
    self.fullNames = fullNames
    domainDigests = plan.domains.map { ContentDigest(of: $0.lowercased()).low }
  }
}

/// The virtual hosts of one VirtualService, on one port.
struct RuleHosts: Sendable {
  var candidates: [VirtualHostCandidate] = []
  /// The services that the VirtualService routes, so that they have no hosts of their own.
  var services: [Hostname] = []
}

extension [VirtualHostCandidate] {
  /// The hosts in order, without names that an earlier one has, and without domains that are taken.
  func settled() -> [EncodedVirtualHost] {
    hasConflicts ? resolvingConflicts() : map(\.host)
  }

  /// Whether two have a name or a domain in common, as far as digests tell.
  private var hasConflicts: Bool {
    var seen: Set<UInt64> = []
    seen.reserveCapacity(reduce(0) { $0 + $1.domainDigests.count })
    for candidate in self {
      if candidate.domainDigests.isEmpty { return true }
      for digest in candidate.domainDigests where !seen.insert(digest).inserted { return true }
    }
    return false
  }

  private func resolvingConflicts() -> [EncodedVirtualHost] {
    var names: Set<String> = []
    var taken = TakenDomains(fullNames: Set(flatMap(\.fullNames)))
    return compactMap { candidate in
      var plan = candidate.host.plan
      guard names.insert(plan.name).inserted else { return nil }
      plan.domains = taken.take(plan.domains, made: Set(candidate.made))
      guard !plan.domains.isEmpty else { return nil }
      return plan == candidate.host.plan ? candidate.host : EncodedVirtualHost(plan)
    }
  }
}
