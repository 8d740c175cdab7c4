// SPDX-License-Identifier: Apache-2.0

public import ConfigTranslation
public import EnvoyAPI
import MeshModel

/// What one proxy is served, for a walk to ask.
public struct ServedConfiguration: Sendable {
  /// The listeners.
  public var listeners: [EncodedResource]
  /// A route configuration, a cluster, or a cluster's endpoints (by the name that EDS has), if there
  /// is one of the name.
  public var resource: @Sendable (ResourceType, String) -> EncodedResource?

  /// A configuration of these parts.
  public init(
    listeners: [EncodedResource],
    resource: @escaping @Sendable (ResourceType, String) -> EncodedResource?
  ) {
    self.listeners = listeners
    self.resource = resource
  }

  /// What translation makes for a proxy: the same resources that it is served.
  public init(_ context: ProxyContext) {
    let clusters = Dictionary(context.clusters().map { ($0.name, $0) }) { first, _ in first }
    self.init(
      listeners: context.node.kind == .router ? context.gatewayListeners() : context.listeners()
    ) { type, name in
      switch type {
      case .route: context.route(name)
      case .cluster: clusters[name]
      case .endpoint: context.endpoints(name)
      default: nil
      }
    }
  }
}
