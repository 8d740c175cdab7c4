// SPDX-License-Identifier: Apache-2.0

import ServiceDiscovery

/// An endpoint as a proxy is told of it.
struct BalancedEndpoint: Hashable, Sendable {
  /// The addresses, the first the main one; a path where `port` is 0.
  var addresses: [String]
  /// The port; 0 for a Unix socket.
  var port: UInt32
  /// How it is; nil where nothing is known, as of another network's gateway.
  var health: MeshEndpoint.Health?
  /// The share of the load.
  var weight: UInt32
  /// The workload's labels, by which priorities are told.
  var labels: [String: String]
  /// Whether it is connected to with mutual TLS.
  var hasMutualTLS: Bool
  /// What metrics call the workload: `name;namespace;service;revision;cluster`; empty where they
  /// are not told.
  var workload: String
}

/// The endpoints of one place, of one priority.
struct LocalityGroup: Hashable, Sendable {
  /// The place.
  var locality: Locality
  /// The endpoints.
  var endpoints: [BalancedEndpoint]
  /// The share of the load among places of one priority; nil where there are no endpoints.
  var weight: UInt32?
  /// 0 is tried first.
  var priority: UInt32 = 0

  /// The endpoints of a place, weighing what they weigh together.
  init(_ locality: Locality, _ endpoints: [BalancedEndpoint]) {
    self.locality = locality
    self.endpoints = endpoints
    weight = endpoints.isEmpty ? nil : LocalityGroup.sum(endpoints)
  }

  /// The sum of weights, at most what 32 bits hold.
  static func sum(_ endpoints: [BalancedEndpoint]) -> UInt32 {
    UInt32(clamping: endpoints.reduce(UInt64(0)) { $0 + UInt64($1.weight) })
  }
}
