// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI
import ServiceDiscovery

/// The routes of one port of the workload: everything goes to the port's cluster.
struct InboundRouteInputs: Hashable, Sendable {
  /// The cluster, which names the configuration too.
  var cluster: String
  /// The service's host, for traces; empty for ports of no service.
  var host: String
  /// The service's port.
  var port: UInt32
  /// What the port speaks.
  var portProtocol: PortProtocol

  /// The message.
  func make(in arena: Arena) -> Envoy.RouteConfiguration {
    Envoy.RouteConfiguration(arena) { configuration in
      configuration.name = cluster
      configuration.validateClusters = false
      let virtualHost = configuration.make(Envoy.VirtualHost.self)
      virtualHost.name = "inbound|http|\(port)"
      virtualHost.domains = ["*"]
      virtualHost.routes.append(route(in: arena))
      configuration.virtualHosts.append(virtualHost)
    }
  }

  private func route(in arena: Arena) -> Envoy.Route {
    Envoy.Route(arena) { route in
      route.name = "default"
      route.match = route.make(Envoy.RouteMatch.self) { $0.prefix = "/" }
      let written = host.contains(":") ? "[\(host)]" : host
      route.decorator = route.make(Envoy.Decorator.self) { $0.operation = "\(written):\(port)/*" }
      route.route = route.make(Envoy.RouteAction.self) { action in
        action.cluster = cluster
        action.timeout = .zero
        action.maxStreamDuration = action.make(Envoy.RouteAction.MaxStreamDuration.self) {
          $0.maxStreamDuration = .zero
          $0.grpcTimeoutHeaderMax = .zero
        }
        // A gRPC stream that was reset cannot be played again.
        guard portProtocol != .grpc, portProtocol != .grpcWeb else { return }
        action.retryPolicy = action.make(Envoy.RouteRetryPolicy.self) {
          $0.retryOn = "reset-before-request"
          $0.numRetries = 2
        }
      }
    }
  }
}
