// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import JSON
import ServiceDiscovery

/// Where a TCP proxy sends connections, and how.
struct TCPProxyInputs: Hashable, Sendable {
  /// One cluster of several, with its share.
  struct WeightedCluster: Hashable, Sendable {
    var name: String
    var weight: UInt32
  }

  /// Where connections go.
  enum Target: Hashable, Sendable {
    case cluster(String)
    case weighted([WeightedCluster])

    /// The cluster, or the first of several.
    var firstCluster: String {
      switch self {
      case .cluster(let name): name
      case .weighted(let clusters): clusters.first?.name ?? ""
      }
    }
  }

  /// HTTP CONNECT to a proxy on the way (DestinationRule's `tunnel`).
  struct Tunnel: Hashable, Sendable {
    var hostname: String
    var usesPost: Bool
  }

  /// The prefix of the statistics.
  var statPrefix: String
  /// Where connections go.
  var target: Target
  /// How long a connection may be idle.
  var idleTimeout: Duration?
  /// How long a connection may last.
  var maxDuration: Duration?
  /// Whether the client's address chooses the endpoint.
  var hashesSourceIP = false
  /// The tunnel that connections go through.
  var tunnel: Tunnel?
  /// Whether connections are logged.
  var isLogged = true

  /// To one cluster, which also names the statistics.
  init(cluster: String, statPrefix: String? = nil) {
    self.statPrefix = statPrefix ?? cluster
    target = .cluster(cluster)
  }

  /// To `target`.
  init(_ target: Target, statPrefix: String) {
    self.target = target
    self.statPrefix = statPrefix
  }

  /// The network filter.
  func filter(
    _ environment: FilterEnvironment, for trafficClass: TrafficClass, in arena: Arena
  ) -> Envoy.NetworkFilter {
    let proxy = Envoy.TcpProxy(arena)
    proxy.statPrefix = statPrefix
    switch target {
    case .cluster(let name): proxy.cluster = name
    case .weighted(let clusters):
      proxy.weightedClusters = Envoy.TcpProxy.WeightedCluster(arena) { weighted in
        for cluster in clusters {
          weighted.clusters.append(
            Envoy.TcpProxy.WeightedCluster.ClusterWeight(arena) {
              $0.name = cluster.name
              $0.weight = cluster.weight
            })
        }
      }
    }
    proxy.idleTimeout = idleTimeout
    proxy.maxDownstreamConnectionDuration = maxDuration
    if hashesSourceIP {
      proxy.hashPolicy.append(Envoy.HashPolicy(arena) { $0.sourceIp = .init(arena) })
    }
    if let tunnel {
      proxy.tunnelingConfig = Envoy.TcpProxy.TunnelingConfig(arena) {
        $0.hostname = tunnel.hostname
        $0.usePost = tunnel.usesPost
      }
    }
    if isLogged {
      proxy.accessLog = .init(
        environment.accessLogs.make(for: trafficClass, at: .connections, in: arena))
    }
    return .typed(arena, "envoy.filters.network.tcp_proxy", proxy)
  }
}

/// The network filters of a chain that routes connections, not requests.
struct NetworkFilterStack: Hashable, Sendable {
  /// Which traffic it is for.
  var trafficClass: TrafficClass
  /// Where connections go.
  var proxy: TCPProxyInputs
  /// What the port speaks, for the protocols with a filter of their own.
  var portProtocol = PortProtocol.tcp
  /// Whether the metadata of the other side's workload is asked for.
  var exchangesMetadata = false
  /// The wildcard host and port that connections are resolved for by their SNI (DYNAMIC_DNS).
  var dynamicHost: DynamicHost?

  /// A wildcard host whose names the proxy resolves by itself.
  struct DynamicHost: Hashable, Sendable {
    var host: String
    var port: UInt32
    var family: DNSLookupFamily
  }

  /// The filters in Istio's order.
  func make(_ environment: FilterEnvironment, in arena: Arena) -> [Envoy.NetworkFilter] {
    var filters: [Envoy.NetworkFilter] = []
    if exchangesMetadata { filters += environment.metadataExchange(in: arena) }
    filters += environment.statistics.networkFilters(for: trafficClass, in: arena)
    if let dynamicHost {
      let config = Envoy.SniDynamicForwardProxy(arena) {
        $0.dnsCacheConfig = .named(
          arena, dynamicHost: dynamicHost.host, family: dynamicHost.family)
        $0.portValue = dynamicHost.port
      }
      filters.append(
        .typed(arena, "envoy.extensions.filters.network.sni_dynamic_forward_proxy", config))
    }
    return filters + terminal(environment, in: arena)
  }

  private func terminal(
    _ environment: FilterEnvironment, in arena: Arena
  ) -> [Envoy.NetworkFilter] {
    let decoded = environment.decodedProtocols
    let tcp = { proxy.filter(environment, for: trafficClass, in: arena) }
    switch portProtocol {
    case .mongo where decoded.contains(.mongo):
      let config = Envoy.MongoProxy(arena) { $0.statPrefix = proxy.statPrefix }
      return [.typed(arena, "envoy.filters.network.mongo_proxy", config), tcp()]
    case .mysql where decoded.contains(.mysql):
      let config = Envoy.MySQLProxy(arena) { $0.statPrefix = proxy.statPrefix }
      return [.typed(arena, "envoy.filters.network.mysql_proxy", config), tcp()]
    case .redis where decoded.contains(.redis): return [redis(in: arena)]
    default: return [tcp()]
    }
  }

  /// Redis' filter ends the chain; of several clusters it knows the first only, as in Istio.
  private func redis(in arena: Arena) -> Envoy.NetworkFilter {
    let config = Envoy.RedisProxy(arena) { redis in
      redis.statPrefix = proxy.statPrefix
      redis.latencyInMicros = true
      redis.settings = redis.make(Envoy.RedisProxy.ConnPoolSettings.self) {
        $0.opTimeout = .seconds(5)
      }
      redis.prefixRoutes = redis.make(Envoy.RedisProxy.PrefixRoutes.self) { routes in
        routes.catchAllRoute = routes.make(Envoy.RedisProxy.PrefixRoutes.Route.self) {
          $0.cluster = proxy.target.firstCluster
        }
      }
    }
    return .typed(arena, "envoy.filters.network.redis_proxy", config)
  }
}

extension FilterEnvironment {
  /// The filter that learns the other side's workload; none where the proxy has it not.
  func metadataExchange(in arena: Arena) -> [Envoy.NetworkFilter] {
    guard exchangesMetadata else { return [] }
    var value = JSONObject(distinct: [
      .init("protocol", "istio-peer-exchange"), .init("enable_discovery", true),
    ])
    for member in additionalLabelMembers { value[member.key] = member.value }
    let filter = Envoy.NetworkFilter(arena) {
      $0.name = "istio.metadata_exchange"
      $0.typedConfig = .typedStruct(
        arena, "type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange", value)
    }
    return [filter]
  }
}

extension Envoy.NetworkFilter {
  /// A filter with its configuration.
  static func typed(
    _ arena: Arena, _ name: String, _ config: some ProtobufMessage
  ) -> Envoy.NetworkFilter {
    Envoy.NetworkFilter(arena) {
      $0.name = name
      $0.typedConfig = .pack(config)
    }
  }
}
