// SPDX-License-Identifier: Apache-2.0

/// A kind of resource that xDS serves, known by its type URL.
public struct ResourceType: Hashable, Sendable {
  /// The type URL, as requests and responses name it.
  public let url: String

  /// The type of a URL that a client sent, known or not.
  public init(url: String) { self.url = url }

  /// Clusters (CDS).
  public static let cluster = envoy("config.cluster.v3.Cluster")
  /// Cluster load assignments (EDS).
  public static let endpoint = envoy("config.endpoint.v3.ClusterLoadAssignment")
  /// Listeners (LDS).
  public static let listener = envoy("config.listener.v3.Listener")
  /// Route configurations (RDS).
  public static let route = envoy("config.route.v3.RouteConfiguration")
  /// Virtual hosts on demand (VHDS).
  public static let virtualHost = envoy("config.route.v3.VirtualHost")
  /// Secrets (SDS).
  public static let secret = envoy("extensions.transport_sockets.tls.v3.Secret")
  /// Extension configurations (ECDS).
  public static let extensionConfig = envoy("config.core.v3.TypedExtensionConfig")
  /// Istio's table of names for the agent's DNS proxy (NDS).
  public static let nameTable = ResourceType(
    url: "type.googleapis.com/istio.networking.nds.v1.NameTable")
  /// Istio's proxy configuration for agents (PCDS).
  public static let proxyConfig = ResourceType(
    url: "type.googleapis.com/istio.mesh.v1alpha1.ProxyConfig")

  private static func envoy(_ name: String) -> ResourceType {
    ResourceType(url: "type.googleapis.com/envoy." + name)
  }

  /// The order of a push: what others refer to first (xDS protocol, "Eventual consistency").
  public static let pushOrder: [ResourceType] = [
    .cluster, .endpoint, .listener, .route, .virtualHost, .secret, .extensionConfig, .nameTable,
    .proxyConfig,
  ]

  /// The abbreviation that logs and metrics use, such as `cds`; the URL for unknown types.
  public var shortName: String {
    switch self {
    case .cluster: "cds"
    case .endpoint: "eds"
    case .listener: "lds"
    case .route: "rds"
    case .virtualHost: "vhds"
    case .secret: "sds"
    case .extensionConfig: "ecds"
    case .nameTable: "nds"
    case .proxyConfig: "pcds"
    default: url
    }
  }

  /// Whether a state-of-the-world response carries the full set, so that what it omits is
  /// deleted (xDS protocol: listeners and clusters).
  public var isFullState: Bool { self == .cluster || self == .listener }
}
