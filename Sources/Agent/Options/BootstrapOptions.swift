// SPDX-License-Identifier: Apache-2.0

import Flags
import JSON

/// What flags, environment and annotations ask of Envoy's bootstrap alone.
struct BootstrapOptions: Sendable {
  /// Whether ADS is incremental (`ISTIO_DELTA_XDS`).
  var isDelta: Bool
  /// Whether a path keeps its fragment (`HTTP_STRIP_FRAGMENT_FROM_PATH_UNSAFE_IF_DISABLED` is false).
  var keepsFragments: Bool
  /// Whether the ports of a workload with addresses of both families are bound in both
  /// (`ISTIO_DUAL_STACK`).
  var isDualStack: Bool
  /// Whether who asks for readiness may speak the PROXY protocol
  /// (`ENVOY_STATUS_PORT_ENABLE_PROXY_PROTOCOL`).
  var takesProxyProtocol: Bool
  /// Where Envoy logs the hosts that it ejects.
  var outlierLog: String?
  /// How many connections of clients there may be at a time.
  var maxConnections: Int64
  /// The settings of load reports (`LOAD_STATS_CONFIG_JSON` in the metadata).
  var loadReports: JSONValue?
  var statistics: StatisticsOptions
  var collectors: CollectorOptions

  /// What was asked for and cannot be had, to be logged.
  var warnings: [String] { statistics.warnings + collectors.warnings }

  init(
    _ line: FlagValues, _ variables: Variables, _ proxy: ProxySettings,
    metadata: [String: JSONValue], addresses: [IPAddress]
  ) throws(FlagError) {
    isDelta = try variables.truth("ISTIO_DELTA_XDS", default: true)
    keepsFragments = try !variables.truth(
      "HTTP_STRIP_FRAGMENT_FROM_PATH_UNSAFE_IF_DISABLED", default: true)
    isDualStack = try variables.truth("ISTIO_DUAL_STACK")
    takesProxyProtocol = try variables.truth("ENVOY_STATUS_PORT_ENABLE_PROXY_PROTOCOL")
    outlierLog = line["outlierLogPath"].isEmpty ? nil : line["outlierLogPath"]
    let limits = [
      ("proxyMetadata", "ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS"),
      ("runtimeValues", "overload.global_downstream_max_connections"),
    ].compactMap { map, key in
      proxy.entries(map).first { $0.key == key }.flatMap { Int64($0.value) }
    }
    maxConnections = limits.first ?? Int64(Int32.max)
    if let text = metadata["LOAD_STATS_CONFIG_JSON"]?.string {
      guard let parsed = try? JSONValue(parsing: text) else {
        throw FlagError("LOAD_STATS_CONFIG_JSON of the metadata is no JSON.")
      }
      loadReports = parsed
    }
    statistics = StatisticsOptions(
      proxy, annotations: metadata["ANNOTATIONS"], addresses: addresses,
      countsConnections: try variables.truth("EXIT_ON_ZERO_ACTIVE_CONNECTIONS"))
    collectors = try CollectorOptions(proxy, metadata: metadata, host: variables.text("HOST_IP"))
  }
}

/// Which metrics Envoy has, and with which tags.
struct StatisticsOptions: Sendable {
  /// The beginnings of the names of what Envoy counts.
  var prefixes: [String]
  /// The ends of these names.
  var suffixes: [String]
  /// Expressions for these names.
  var expressions: [String]
  /// Tags of Istio's metrics beside the standard ones.
  var tags: [String]
  /// Histograms' buckets by the beginning of their names.
  var buckets: [(prefix: String, bounds: JSONValue)]
  /// How often Envoy hands on what it counted, and forgets what is not used any more.
  var flushInterval: Duration?
  var evictionInterval: Duration?
  /// What was asked for and cannot be had.
  var warnings: [String] = []

  /// What annotations say, else the proxy's configuration, with what readiness and draining need.
  ///
  /// - Parameter countsConnections: Whether Envoy ends once nobody is connected.
  init(
    _ proxy: ProxySettings, annotations: JSONValue?, addresses: [IPAddress], countsConnections: Bool
  ) {
    let annotation = { (name: String) in annotations?["sidecar.istio.io/" + name]?.string }
    let list = { (text: String?) in text?.split(separator: ",").map(String.init) ?? [] }
    let chosen = { (name: String, needed: [String]) -> [String] in
      let written = list(annotation("stats" + name))
      let matcher = proxy.object["proxyStatsMatcher"]
      let member = name.prefix(1).lowercased() + name.dropFirst()
      let configured = matcher?[member]?.array?.compactMap(\.string) ?? []
      return StatisticsOptions.substituted(
        (written.isEmpty ? configured : written) + needed, addresses)
    }
    prefixes = chosen(
      "InclusionPrefixes",
      ["cluster_manager", "listener_manager", "server", "cluster.xds-grpc", "wasm"])
    let rbac = ["rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied"]
    suffixes = chosen(
      "InclusionSuffixes", rbac + (countsConnections ? ["downstream_cx_active"] : []))
    expressions = chosen("InclusionRegexps", [#"vhost\..*\.route\..*"#])
    let extra = proxy.object["extraStatTags"]?.array?.compactMap(\.string) ?? []
    tags = (extra + list(annotation("extraStatTags"))).reduce(into: []) { tags, tag in
      if !tag.isEmpty, !tags.contains(tag) { tags.append(tag) }
    }
    buckets = []
    readBuckets(annotation("statsHistogramBuckets"))
    readIntervals(annotation("statsFlushInterval"), annotation("statsEvictionInterval"))
  }

  /// Patterns with `{pod_ip}` replaced by each of the addresses.
  private static func substituted(_ patterns: [String], _ addresses: [IPAddress]) -> [String] {
    patterns.flatMap { pattern in
      guard let place = pattern.firstRange(of: "{pod_ip}") else { return [pattern] }
      return addresses.map { pattern.replacingCharacters(in: place, with: $0.description) }
    }
  }

  private mutating func readBuckets(_ text: String?) {
    guard let text else { return }
    guard let object = (try? JSONValue(parsing: text))?.object else {
      warnings.append("the annotation sidecar.istio.io/statsHistogramBuckets is no JSON object")
      return
    }
    buckets = object.members.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
  }

  private mutating func readIntervals(_ flush: String?, _ eviction: String?) {
    let read = { (text: String?) in text.flatMap(GoDuration.parse) }
    flushInterval = read(flush)
    if flush != nil, flushInterval == nil {
      warnings.append("the annotation sidecar.istio.io/statsFlushInterval is no duration")
    }
    guard eviction != nil else { return }
    let rest = read(eviction).map { $0.components.seconds }
    let unit = (flushInterval ?? .seconds(5)).components.seconds
    guard let rest, unit > 0, rest > 0, rest.isMultiple(of: unit) else {
      warnings.append(
        "the annotation sidecar.istio.io/statsEvictionInterval is no multiple of the flush interval"
      )
      return
    }
    evictionInterval = .seconds(rest)
  }
}

extension String {
  /// A copy with a range replaced.
  fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
    String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
  }
}
