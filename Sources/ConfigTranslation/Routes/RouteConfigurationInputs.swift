// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

/// All that a route configuration is made of.
struct RouteConfigurationInputs: ResourceInputs {
  static var type: ResourceType { .route }

  /// The most bytes of a direct response: what Istio's validation allows.
  private static let maxDirectResponse: UInt32 = 1 << 20

  var name: String
  /// In the order of the message.
  var virtualHosts: [VirtualHostPlan] = []
  /// Whether `host:port` of a request is looked for as `host`.
  var ignoresPort = true
  /// Whether the name means nothing to the mesh: the answer is a configuration without hosts.
  var isUnknown = false
  /// Whether a gRPC application asks, which knows hosts and routes only.
  var isProxyless = false

  func make(in arena: Arena) -> Envoy.RouteConfiguration {
    Envoy.RouteConfiguration(arena) { message in
      message.name = name
      if !isProxyless { describe(message) }
      for host in virtualHosts { message.virtualHosts.append(host.message(in: arena)) }
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
