// SPDX-License-Identifier: Apache-2.0

import Bytes
import EnvoyAPI

/// All that a route configuration is made of.
struct RouteConfigurationInputs: ResourceInputs {
  static var type: ResourceType { .route }

  /// The most bytes of a direct response: what Istio's validation allows.
  private static let maxDirectResponse: UInt32 = 1 << 20

  var name: String
  /// In the order of the message.
  var virtualHosts: [EncodedVirtualHost] = []
  /// Whether `host:port` of a request is looked for as `host`.
  var ignoresPort = true
  /// Whether the name means nothing to the mesh: the answer is a configuration without hosts.
  var isUnknown = false
  /// Whether a gRPC application asks, which knows hosts and routes only.
  var isProxyless = false

  func make(in arena: Arena) -> Envoy.RouteConfiguration {
    let message = withoutHosts(in: arena)
    message.name = name
    for host in virtualHosts { message.virtualHosts.append(host.plan.message(in: arena)) }
    return message
  }

  /// The same bytes as of ``make(in:)``, put together of what the virtual hosts are packed into: in
  /// the order of the fields, the name stands before the hosts, and all else behind them.
  func encoded() -> EncodedResource {
    var first = WireWriter()
    first.string(field: 1, name)
    let last = Arena.scope { withoutHosts(in: $0).packed }
    let count = virtualHosts.reduce(first.bytes.count + last.count) { $0 + $1.field.count }
    return EncodedResource(type: Self.type, name: name, count: count) { target in
      var place = 0
      let add = { (bytes: UnsafeRawBufferPointer) in
        UnsafeMutableRawBufferPointer(rebasing: target[place...]).copyMemory(from: bytes)
        place += bytes.count
      }
      first.bytes.withUnsafeBytes(add)
      for host in virtualHosts { host.field.withUnsafeBytes(add) }
      last.withUnsafeBytes(add)
    }
  }

  private func withoutHosts(in arena: Arena) -> Envoy.RouteConfiguration {
    Envoy.RouteConfiguration(arena) { message in
      if !isProxyless { describe(message) }
    }
  }

  private func describe(_ message: Envoy.RouteConfiguration) {
    message.validateClusters = false
    if isUnknown { return }
    message.maxDirectResponseBodySizeBytes = Self.maxDirectResponse
    message.ignorePortInHostMatching = ignoresPort
  }
}

extension VirtualHostPlan {
  func message(in arena: Arena) -> Envoy.VirtualHost {
    Envoy.VirtualHost(arena) { host in
      host.name = name
      host.domains = .init(domains)
      host.includeRequestAttemptCount = includesAttemptCount
      if requiresTLS { host.requireTls = .all }
      for route in routes { host.routes.append(route.message(in: arena)) }
      if let session {
        host.typedPerFilterConfig[SessionPlan.filter] = session.perRoute(in: arena)
      }
    }
  }
}
