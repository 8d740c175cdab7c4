// SPDX-License-Identifier: Apache-2.0

public import EnvoyAPI
import JSON

extension Istio.EnvoyFilter.ApplyTo {
  /// The message that a patch of this kind adds or is merged into; nil for `INVALID`.
  public var messageType: MessageType? { messageName.flatMap(MessageType.init(named:)) }

  private var messageName: String? {
    switch self {
    case .invalid: nil
    case .listener: "envoy.config.listener.v3.Listener"
    case .filterChain: "envoy.config.listener.v3.FilterChain"
    case .networkFilter: "envoy.config.listener.v3.Filter"
    case .listenerFilter: "envoy.config.listener.v3.ListenerFilter"
    case .httpFilter:
      "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter"
    case .routeConfiguration: "envoy.config.route.v3.RouteConfiguration"
    case .virtualHost: "envoy.config.route.v3.VirtualHost"
    case .httpRoute: "envoy.config.route.v3.Route"
    case .cluster: "envoy.config.cluster.v3.Cluster"
    case .extensionConfig: "envoy.config.core.v3.TypedExtensionConfig"
    case .bootstrap: "envoy.config.bootstrap.v3.Bootstrap"
    }
  }
}

extension Istio.EnvoyFilter.EnvoyConfigObjectPatch {
  /// The patch's value as the message that `applyTo` says, and what of it this build does not know;
  /// nil where there is no value.
  ///
  /// - Throws: What is no such message, by its path within the value.
  public func read(
    in arena: Arena
  ) throws(ProtobufJSONError) -> (message: MessageSlot, unknown: ProtobufJSONUnknowns)? {
    guard let value = patch?.value, let type = applyTo.messageType else { return nil }
    let message = arena.make(type)
    let unknown = try message.readKnown(value)
    return (message, unknown)
  }
}
