// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import JSON
import MeshModel

/// What the filters of a proxy's listeners depend on besides the traffic that they are for.
///
/// It is gathered once for a proxy, and shared: most proxies of a namespace have an equal one.
struct FilterEnvironment: Hashable, Sendable {
  /// Whether the proxy has Istio's metadata exchange (`istio.metadata_exchange`).
  var exchangesMetadata = true
  /// Whether the proxy has Istio's ALPN filter (`istio.alpn`).
  var overridesALPN = true
  /// Whether the proxy is given the workload's certificate.
  var hasAgentSecrets = true
  /// Labels that metadata exchange carries besides its own (`PILOT_MX_ADDITIONAL_LABELS`).
  var additionalLabels: [String] = []
  /// `ProxyConfig.proxyHeaders` of the proxy.
  var proxyHeaders = Istio.Mesh.ProxyConfig.ProxyHeaders()
  /// `ProxyConfig.connectionSettings` of the proxy, defaults of its profile filled in.
  var connections: Istio.Mesh.ProxyConfig.ConnectionSettings?
  /// `ProxyConfig.gatewayTopology` of the proxy.
  var topology: Istio.Mesh.Topology?
  /// `MeshConfig.pathNormalization`.
  var normalization = Istio.Mesh.MeshConfig.ProxyPathNormalization.NormalizationType.protoDefault
  /// Whether HTTP/1.0 is accepted (`PILOT_HTTP10`, or `HTTP10` of the node).
  var acceptsHTTP10 = false
  /// What sniffing calls plain HTTP that the proxy takes as such (`PILOT_HTTP10` adds HTTP/1.0).
  var plaintextALPNs = ["http/1.1", "h2c"]
  /// How long connections may be idle (`IDLE_TIMEOUT` of the node).
  var idleTimeout: Duration?
  /// Whether `100 Continue` is passed on (`ENABLE_100_CONTINUE_HEADERS`).
  var proxies100Continue = true
  /// The address ranges that count as internal, from MeshNetworks.
  var internalRanges: [IPRange] = []
  /// Whether they count everywhere (`ENABLE_HCM_INTERNAL_NETWORKS`).
  var usesInternalRanges = false
  /// Whether sidecars trust the address of their clients (`PILOT_SIDECAR_USE_REMOTE_ADDRESS`).
  var sidecarsUseRemoteAddress = false
  /// Whether routes may keep sessions (`PILOT_ENABLE_PERSISTENT_SESSION_FILTER`).
  var keepsSessions = false
  /// The protocols with a filter of their own.
  var decodedProtocols: Set<PortProtocolFilter> = []
  /// How unknown hosts are resolved, where the outbound policy says so.
  var dynamicDNS: DynamicDNSSettings?
  /// Who logs requests and connections.
  var accessLogs = AccessLogging()
  /// Who is told of spans.
  var tracing = TracingSettings()
  /// Which statistics are kept.
  var statistics = StatisticsSettings()
}

/// The protocols for which Envoy has a filter that Istio can use.
enum PortProtocolFilter: String, Hashable, Sendable {
  /// `PILOT_ENABLE_MONGO_FILTER`.
  case mongo
  /// `PILOT_ENABLE_REDIS_FILTER`.
  case redis
  /// `PILOT_ENABLE_MYSQL_FILTER`.
  case mysql
}

extension ProxyContext {
  /// The ProxyConfig that the proxy was started with, else the mesh's default.
  var proxyConfig: Istio.Mesh.ProxyConfig {
    let mesh = settings.mesh.defaultConfig ?? .standard
    guard let sent = node.metadata["PROXY_CONFIG"] else { return mesh }
    return (try? Istio.Mesh.ProxyConfig().overlaid(with: sent)) ?? mesh
  }

  /// What the filters of the proxy's listeners depend on.
  func filterEnvironment() -> FilterEnvironment {
    var made = FilterEnvironment()
    let config = proxyConfig
    setCapabilities(&made)
    made.proxyHeaders = config.proxyHeaders ?? .init()
    made.connections = connectionSettings(config)
    made.topology = config.gatewayTopology
    made.normalization = settings.mesh.pathNormalization?.normalization ?? .protoDefault
    made.acceptsHTTP10 =
      settings.feature("PILOT_HTTP10", default: false) || node.text("HTTP10") == "1"
    if settings.feature("PILOT_HTTP10", default: false) {
      made.plaintextALPNs.insert("http/1.0", at: 0)
    }
    made.idleTimeout = goDuration(node.text("IDLE_TIMEOUT"))
    made.proxies100Continue = settings.feature("ENABLE_100_CONTINUE_HEADERS", default: true)
    made.internalRanges = settings.networks.internalRanges
    made.usesInternalRanges = settings.feature("ENABLE_HCM_INTERNAL_NETWORKS", default: false)
    made.sidecarsUseRemoteAddress = settings.feature(
      "PILOT_SIDECAR_USE_REMOTE_ADDRESS", default: false)
    made.keepsSessions = settings.feature("PILOT_ENABLE_PERSISTENT_SESSION_FILTER", default: false)
    made.dynamicDNS = dynamicDNSSettings()
    let rules = telemetryRules()
    made.accessLogs = accessLogging(rules)
    made.tracing = tracingSettings(config, rules)
    made.statistics = statisticsSettings(rules)
    return made
  }

  private func setCapabilities(_ made: inout FilterEnvironment) {
    made.exchangesMetadata =
      settings.feature("PILOT_ENABLE_METADATA_EXCHANGE", default: true)
      && node.hasIstioFilter("istio.metadata_exchange")
    made.overridesALPN =
      settings.feature("PILOT_ENABLE_ALPN_FILTER", default: true)
      && node.hasIstioFilter("istio.alpn")
    made.hasAgentSecrets = node.hasWorkloadSecrets
    made.additionalLabels = (settings.features["PILOT_MX_ADDITIONAL_LABELS"] ?? "")
      .split(separator: ",").map(String.init)
    if settings.feature("PILOT_ENABLE_MONGO_FILTER", default: true) {
      made.decodedProtocols.insert(.mongo)
    }
    if settings.feature("PILOT_ENABLE_REDIS_FILTER", default: false) {
      made.decodedProtocols.insert(.redis)
    }
    // The MySQL filter is contributed: Istio's build of Envoy has it, the usual one has not.
    if settings.feature("PILOT_ENABLE_MYSQL_FILTER", default: false), !node.isPlain {
      made.decodedProtocols.insert(.mysql)
    }
  }

  /// The connection settings, with the defaults of Envoy's best practice where a gateway's profile
  /// is EDGE (Istio's applyEdgeProfileDefaults).
  private func connectionSettings(
    _ config: Istio.Mesh.ProxyConfig
  ) -> Istio.Mesh.ProxyConfig.ConnectionSettings? {
    let set = config.connectionSettings ?? settings.mesh.defaultConfig?.connectionSettings
    guard var set, set.profile == .edge, node.kind == .router else { return set }
    set.listenerPerConnectionBufferLimitBytes = set.listenerPerConnectionBufferLimitBytes ?? 32768
    set.httpIdleTimeout = set.httpIdleTimeout ?? .seconds(3600)
    set.httpStreamIdleTimeout = set.httpStreamIdleTimeout ?? .seconds(300)
    set.httpRequestTimeout = set.httpRequestTimeout ?? .seconds(300)
    set.httpRequestHeadersTimeout = set.httpRequestHeadersTimeout ?? .seconds(60)
    set.httpMaxConcurrentStreams = set.httpMaxConcurrentStreams ?? 100
    set.http2InitialStreamWindowSize = set.http2InitialStreamWindowSize ?? 65536
    set.http2InitialConnectionWindowSize = set.http2InitialConnectionWindowSize ?? 1_048_576
    if set.httpHeadersWithUnderscoresAction == .headersWithUnderscoresUnspecified {
      set.httpHeadersWithUnderscoresAction = .headersWithUnderscoresRejectRequest
    }
    set.httpMergeSlashes = set.httpMergeSlashes ?? true
    if set.httpPathWithEscapedSlashesAction == .pathWithEscapedSlashesUnspecified {
      set.httpPathWithEscapedSlashesAction = .unescapeAndRedirect
    }
    return set
  }
}

extension Istio.MeshNetworks {
  /// The ranges of `fromCidr`, in order of address and length.
  var internalRanges: [IPRange] {
    let ranges = networks.values.flatMap(\.endpoints).compactMap { endpoint -> IPRange? in
      guard case .fromCidr(let text) = endpoint else { return nil }
      return IPRange(text)
    }
    return ranges.sorted {
      ($0.address.bits, $0.prefixLength) < ($1.address.bits, $1.prefixLength)
    }
  }
}

/// A duration as Go writes it (`1h30m`, `1.5s`), nil for other texts.
func goDuration(_ text: String) -> Duration? {
  let units: [Substring: Int64] = [
    "ns": 1, "us": 1000, "µs": 1000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000,
    "h": 3_600_000_000_000,
  ]
  var rest = Substring(text)
  var total: Duration?
  while !rest.isEmpty {
    let digits = rest.prefix { $0.isNumber || $0 == "." }
    rest = rest.dropFirst(digits.count)
    let unit = rest.prefix { !$0.isNumber && $0 != "." }
    rest = rest.dropFirst(unit.count)
    guard let value = Double(digits), let factor = units[unit] else { return nil }
    total = (total ?? .zero) + .nanoseconds(Int64(value * Double(factor)))
  }
  return total
}
