// SPDX-License-Identifier: Apache-2.0

/// A kind of resource that xDS serves, known by its type URL.
///
/// Those that are served are one byte to compare and to hash, whatever their URL.
public struct ResourceType: Hashable, Sendable {
  /// The types that are served, in the order of a push.
  private enum Known: UInt8, CaseIterable, Sendable {
    case cluster, endpoint, listener, route, virtualHost, secret, extensionConfig, nameTable
    case proxyConfig

    var url: String {
      switch self {
      case .cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster"
      case .endpoint: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
      case .listener: "type.googleapis.com/envoy.config.listener.v3.Listener"
      case .route: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
      case .virtualHost: "type.googleapis.com/envoy.config.route.v3.VirtualHost"
      case .secret: "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
      case .extensionConfig: "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
      case .nameTable: "type.googleapis.com/istio.networking.nds.v1.NameTable"
      case .proxyConfig: "type.googleapis.com/istio.mesh.v1alpha1.ProxyConfig"
      }
    }

    static let byURL = Dictionary(uniqueKeysWithValues: allCases.map { ($0.url, $0) })
  }

  private enum Kind: Hashable, Sendable {
    case known(Known)
    case other(url: String)
  }

  private let kind: Kind

  /// The type of a URL that a client sent, known or not.
  public init(url: String) {
    kind = Known.byURL[url].map { .known($0) } ?? .other(url: url)
  }

  private init(_ known: Known) { kind = .known(known) }

  /// The type URL, as requests and responses name it.
  public var url: String {
    switch kind {
    case .known(let known): known.url
    case .other(let url): url
    }
  }

  /// Clusters (CDS).
  public static let cluster = ResourceType(.cluster)
  /// Cluster load assignments (EDS).
  public static let endpoint = ResourceType(.endpoint)
  /// Listeners (LDS).
  public static let listener = ResourceType(.listener)
  /// Route configurations (RDS).
  public static let route = ResourceType(.route)
  /// Virtual hosts on demand (VHDS).
  public static let virtualHost = ResourceType(.virtualHost)
  /// Secrets (SDS).
  public static let secret = ResourceType(.secret)
  /// Extension configurations (ECDS).
  public static let extensionConfig = ResourceType(.extensionConfig)
  /// Istio's table of names for the agent's DNS proxy (NDS).
  public static let nameTable = ResourceType(.nameTable)
  /// Istio's proxy configuration for agents (PCDS).
  public static let proxyConfig = ResourceType(.proxyConfig)
  /// What Istio's agent reports of its workload's health in the form of requests: no resource, and
  /// never answered.
  public static let healthInformation = ResourceType(
    url: "type.googleapis.com/istio.v1.HealthInformation")

  /// The order of a push: what others refer to first (xDS protocol, "Eventual consistency").
  public static let pushOrder = Known.allCases.map { ResourceType($0) }

  /// The place in the order of a push; those that are not served come last.
  public var pushRank: Int {
    if case .known(let known) = kind { Int(known.rawValue) } else { Int.max }
  }

  /// The abbreviation that logs and metrics use, such as `cds`; the URL for unknown types.
  public var shortName: String {
    switch kind {
    case .known(.cluster): "cds"
    case .known(.endpoint): "eds"
    case .known(.listener): "lds"
    case .known(.route): "rds"
    case .known(.virtualHost): "vhds"
    case .known(.secret): "sds"
    case .known(.extensionConfig): "ecds"
    case .known(.nameTable): "nds"
    case .known(.proxyConfig): "pcds"
    case .other(let url): url
    }
  }

  /// Whether a state-of-the-world response carries the full set, so that what it omits is
  /// deleted (xDS protocol: listeners and clusters).
  public var isFullState: Bool { self == .cluster || self == .listener }
}
