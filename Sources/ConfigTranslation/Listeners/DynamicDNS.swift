// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import JSON
import MeshModel

/// The families of addresses that a proxy resolves names to.
enum DNSLookupFamily: Hashable, Sendable {
  case ipv4
  case ipv6
  case all

  /// The family of caches for names that clients ask for: as in istiod IPv4, but IPv6 where the proxy
  /// has no other.
  var ofForwardProxy: DNSLookupFamily { self == .ipv6 ? .ipv6 : .ipv4 }

  /// Envoy's name for it.
  var envoy: Envoy.Cluster.DnsLookupFamily {
    switch self {
    case .ipv4: .v4Only
    case .ipv6: .v6Only
    case .all: .all
    }
  }
}

/// How a sidecar resolves unknown hosts by itself (`outboundTrafficPolicy: ALLOW_ANY_DYNAMIC_DNS`).
struct DynamicDNSSettings: Hashable, Sendable {
  /// The families of addresses.
  var family: DNSLookupFamily
  /// How many hosts are remembered (`PILOT_ALLOW_ANY_DYNAMIC_DNS_MAX_HOSTS`).
  var maxHosts: UInt32
  /// The DNS proxy of the agent, where it captures DNS.
  var resolver: Resolver?
  /// Whether requests count their attempts in a header.
  var countsAttempts: Bool
  /// Whether `x-forwarded-host` is appended.
  var appendsForwardedHost: Bool
  /// How the proxy is told of timeouts.
  var timeouts: TimeoutForm

  /// An address of DNS.
  struct Resolver: Hashable, Sendable {
    var address: String
    var port: UInt32
  }

  /// The cluster of unknown hosts.
  static let cluster = "AllowAnyDynamicDNSCluster"

  /// The cache that cluster and filters share.
  func cache(in arena: Arena) -> Envoy.DnsCacheConfig {
    Envoy.DnsCacheConfig(arena) { cache in
      cache.name = "allow_any_dfp_dns_cache"
      cache.maxHosts = maxHosts
      cache.dnsLookupFamily = family.envoy
      guard let resolver else { return }
      let config = Envoy.CaresDnsResolverConfig(arena) {
        $0.resolvers.append(.socket(arena, resolver.address, port: resolver.port))
      }
      cache.typedDnsResolverConfig = .typed(arena, "envoy.network.dns_resolver.cares", config)
    }
  }
}

extension Envoy.DnsCacheConfig {
  /// The cache of a wildcard host whose names proxies resolve.
  static func named(
    _ arena: Arena, dynamicHost: String, family: DNSLookupFamily
  ) -> Envoy.DnsCacheConfig {
    Envoy.DnsCacheConfig(arena) {
      $0.name = dynamicHost + "_dfp_dns_cache"
      $0.dnsLookupFamily = family.envoy
    }
  }
}

/// The routes of requests to hosts that no service has, where each is resolved by its name.
enum UnknownHostRoutes {
  static let name = "allow_any_dynamic_dns"

  static func make(_ environment: FilterEnvironment, in arena: Arena) -> Envoy.RouteConfiguration {
    let settings = environment.dynamicDNS
    return Envoy.RouteConfiguration(arena) { configuration in
      configuration.name = name
      configuration.validateClusters = false
      configuration.maxDirectResponseBodySizeBytes = 1_048_576
      configuration.ignorePortInHostMatching = true
      let host = configuration.make(Envoy.VirtualHost.self)
      host.name = name
      host.domains = ["*"]
      host.includeRequestAttemptCount = settings?.countsAttempts ?? true
      let route = host.make(Envoy.Route.self)
      route.name = name
      route.match = route.make(Envoy.RouteMatch.self) { $0.prefix = "/" }
      route.route = route.make(Envoy.RouteAction.self) {
        $0.cluster = DynamicDNSSettings.cluster
        $0.setTimeout(nil, settings?.timeouts ?? .istio)
        $0.appendXForwardedHost = settings?.appendsForwardedHost ?? false
      }
      host.routes.append(route)
      configuration.virtualHosts.append(host)
    }
  }
}

extension ProxyContext {
  /// How unknown hosts are resolved; nil where they are not.
  func dynamicDNSSettings() -> DynamicDNSSettings? {
    guard node.kind == .sidecar, resolvesUnknownHosts else { return nil }
    let headers = proxyConfig.proxyHeaders
    var settings = DynamicDNSSettings(
      family: addressFamilies.lookupFamily.ofForwardProxy,
      maxHosts: self.settings.features["PILOT_ALLOW_ANY_DYNAMIC_DNS_MAX_HOSTS"].flatMap(UInt32.init)
        ?? 1024,
      countsAttempts: headers?.attemptCount?.disabled != true,
      appendsForwardedHost: headers?.xForwardedHost?.enabled ?? false,
      timeouts: TimeoutForm(node))
    if node.isTrue("DNS_CAPTURE") {
      settings.resolver = .init(parsing: node.text("DNS_PROXY_ADDR"))
    }
    return settings
  }

  /// Whether hosts that no service has are resolved by their names: the mesh's policy, which a
  /// Sidecar can only replace.
  private var resolvesUnknownHosts: Bool {
    sidecar?.outboundTrafficPolicy == nil
      && settings.mesh.outboundTrafficPolicy?.mode == .allowAnyDynamicDns
  }
}

extension DynamicDNSSettings.Resolver {
  /// `host:port`; the agent's usual address for other texts.
  fileprivate init(parsing text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty else {
      self.init(address: "127.0.0.1", port: 15053)
      return
    }
    self.init(
      address: parts[0] == "localhost" ? "127.0.0.1" : String(parts[0]),
      port: UInt32(parts[1]) ?? 15053)
  }
}

extension ProxyNode {
  /// Whether the metadata says `true`, as a text or a truth value.
  func isTrue(_ key: String) -> Bool {
    guard let value = metadata[key] else { return false }
    return value.bool ?? (value.string == "true" || value.string == "1")
  }
}
