// SPDX-License-Identifier: Apache-2.0

public import Configuration
public import ServiceDiscovery

/// The objects of one kind, oldest first, also by namespace.
public struct ConfigTable<Spec: ConfigSpec>: Sendable {
  /// All objects: oldest first, then by name and namespace.
  public let all: [ConfigObject<Spec>]
  /// Tells this table from any that was made of other objects.
  public let tag = Tag()
  private let byNamespace: [String: [ConfigObject<Spec>]]

  /// A table of objects in any order.
  public init(_ objects: [ConfigObject<Spec>] = []) {
    all = objects.sorted { $0.meta.isOlder(than: $1.meta) }
    byNamespace = Dictionary(grouping: all, by: \.meta.namespace)
  }

  /// The objects of a namespace, oldest first.
  public func objects(in namespace: String) -> [ConfigObject<Spec>] {
    byNamespace[namespace] ?? []
  }

  /// The object of a name.
  public func object(_ namespace: String, _ name: String) -> ConfigObject<Spec>? {
    objects(in: namespace).first { $0.meta.name == name }
  }
}

/// The objects that translation reads, besides those that the registry is made of.
public struct ConfigTables: Sendable {
  /// VirtualServices as written.
  public var virtualServices = ConfigTable<Istio.VirtualService>()
  /// DestinationRules as written.
  public var destinationRules = ConfigTable<Istio.DestinationRule>()
  /// Gateways.
  public var gateways = ConfigTable<Istio.Gateway>()
  /// Sidecars.
  public var sidecars = ConfigTable<Istio.Sidecar>()
  /// EnvoyFilters.
  public var envoyFilters = ConfigTable<Istio.EnvoyFilter>()
  /// ProxyConfigs.
  public var proxyConfigs = ConfigTable<Istio.ProxyConfig>()
  /// AuthorizationPolicies.
  public var authorizationPolicies = ConfigTable<Istio.AuthorizationPolicy>()
  /// PeerAuthentications.
  public var peerAuthentications = ConfigTable<Istio.PeerAuthentication>()
  /// RequestAuthentications.
  public var requestAuthentications = ConfigTable<Istio.RequestAuthentication>()
  /// Telemetry objects.
  public var telemetries = ConfigTable<Istio.Telemetry>()
  /// WasmPlugins.
  public var wasmPlugins = ConfigTable<Istio.WasmPlugin>()
  /// TrafficExtensions.
  public var trafficExtensions = ConfigTable<Istio.TrafficExtension>()
  /// Secrets.
  public var secrets = ConfigTable<Kubernetes.Secret>()
  /// ConfigMaps.
  public var configMaps = ConfigTable<Kubernetes.ConfigMap>()

  /// No objects.
  public init() {}
}
