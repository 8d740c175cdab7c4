// SPDX-License-Identifier: Apache-2.0

import JSON
import Logging

/// The configuration that Envoy starts with: who it is, the agent's socket for all the rest, and the
/// ports that others ask of its health and metrics.
///
/// It says what the bootstrap of Istio's agent says wherever that can be seen: metrics by the same names
/// and tags, the same flags of Envoy's runtime, the same collectors.
enum Bootstrap {
  /// Where the types of Envoy's extensions begin.
  static let types = "type.googleapis.com/envoy.extensions."

  /// The bootstrap of an agent's options.
  static func make(_ options: AgentOptions, socket: String) -> JSONValue {
    let more = options.bootstrap
    return .members(
      ("application_log_config", ["log_format": logFormat(options)]),
      ("node", node(options)), ("layered_runtime", ["layers": runtime(options)]),
      ("bootstrap_extensions", [internalListeners]),
      ("stats_flush_interval", more.statistics.flushInterval.map(duration)),
      ("stats_eviction_interval", more.statistics.evictionInterval.map(duration)),
      ("stats_config", statistics(more.statistics)), ("admin", admin(options)),
      ("dynamic_resources", discovery(more)),
      (
        "static_resources",
        [
          "clusters": .array(clusters(options, socket: socket)),
          "listeners": .array(listeners(options)),
        ]
      ), ("overload_manager", connectionLimit(more)), ("tracing", tracing(options)),
      ("stats_sinks", sinks(more.collectors)), ("cluster_manager", clusterManager(more)),
      ("deferred_stat_options", ["enable_deferred_creation_stats": true]))
  }

  private static func logFormat(_ options: AgentOptions) -> JSONValue {
    guard options.logs.format == .json else {
      return ["text_format": "%Y-%m-%dT%T.%fZ\t%l\tenvoy %n %g:%#\t%v\tthread=%t"]
    }
    return [
      "json_format": [
        "time": "%Y-%m-%dT%T.%fZ", "level": "%l", "scope": "envoy %n", "msg": "%j",
        "caller": "%g:%#", "thread": "%t",
      ]
    ]
  }

  /// Listeners that only this Envoy's own clusters connect to.
  private static let internalListeners: JSONValue = [
    "name": "envoy.bootstrap.internal_listener",
    "typed_config": [
      "@type":
        "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener",
      "buffer_size_kb": 64,
    ],
  ]

  private static func admin(_ options: AgentOptions) -> JSONValue {
    let log = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
    return [
      "access_log": [
        [
          "name": "envoy.access_loggers.file",
          "typed_config": ["@type": .string(log), "path": "/dev/null"],
        ]
      ],
      "profile_path": "/var/lib/istio/data/envoy.prof",
      "address": address("127.0.0.1", options.adminPort),
    ]
  }

  private static func discovery(_ options: BootstrapOptions) -> JSONValue {
    let source: JSONValue = [
      "ads": [:], "resource_api_version": "V3", "initial_fetch_timeout": "0s",
    ]
    return [
      "ads_config": [
        "api_type": options.isDelta ? "DELTA_GRPC" : "GRPC", "transport_api_version": "V3",
        "set_node_on_first_message_only": true,
        "grpc_services": [["envoy_grpc": ["cluster_name": "xds-grpc"]]],
      ],
      "cds_config": source, "lds_config": source,
    ]
  }

  /// How many connections clients may have; those of probes and scrapes do not count.
  private static func connectionLimit(_ options: BootstrapOptions) -> JSONValue {
    let type =
      "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3."
      + "DownstreamConnectionsConfig"
    return [
      "resource_monitors": [
        [
          "name": "envoy.resource_monitors.global_downstream_max_connections",
          "typed_config": [
            "@type": .string(type),
            "max_active_downstream_connections": .integer(options.maxConnections),
          ],
        ]
      ]
    ]
  }

  private static func clusterManager(_ options: BootstrapOptions) -> JSONValue? {
    guard options.outlierLog != nil || options.loadReports != nil else { return nil }
    return .members(
      ("enable_deferred_cluster_creation", true),
      ("outlier_detection", options.outlierLog.map { ["event_log_path": .string($0)] }),
      ("load_stats_config", options.loadReports))
  }

  /// A duration as protobuf's JSON has it.
  static func duration(_ duration: Duration) -> JSONValue {
    let (seconds, parts) = duration.components
    let fraction = "\(1_000_000_000 + parts / 1_000_000_000)".dropFirst()
    return .string(parts == 0 ? "\(seconds)s" : "\(seconds).\(fraction)s")
  }

  /// A socket's address.
  static func address(_ host: String, _ port: Int) -> JSONValue {
    ["socket_address": ["address": .string(host), "port_value": .integer(Int64(port))]]
  }

  /// What the control plane knows the proxy by.
  static func node(_ options: AgentOptions) -> JSONValue {
    let id =
      "\(options.role)~\(options.addresses[0])~\(options.podName).\(options.namespace)"
      + "~\(options.dnsDomain)"
    var metadata = options.metadata
    metadata["NAMESPACE"] = .string(options.namespace)
    metadata["SERVICE_ACCOUNT"] = .string(options.serviceAccount)
    metadata["INSTANCE_IPS"] = .string(
      options.addresses.map(\.description).joined(separator: ","))
    metadata["NAME"] = .string(options.podName)
    metadata["CLUSTER_ID"] = metadata["CLUSTER_ID"] ?? "Kubernetes"
    metadata["ENVOY_STATUS_PORT"] = .integer(Int64(options.readinessPort))
    metadata["ENVOY_PROMETHEUS_PORT"] = .integer(Int64(options.prometheusPort))
    if options.drain.endsWithoutConnections { metadata["EXIT_ON_ZERO_ACTIVE_CONNECTIONS"] = "true" }
    metadata["OUTLIER_LOG_PATH"] = options.bootstrap.outlierLog.map(JSONValue.string)
    if options.sockets.hasCredentials { metadata["credential"] = "true" }
    if options.sockets.files != nil { metadata["file-credential"] = "true" }
    // Says that secrets are served on a socket; it is no Istio proxy, and has none of its filters.
    metadata["NAVARCH_AGENT"] = "true"
    let members = metadata.sorted { $0.key < $1.key }.map { JSONObject.Member($0.key, $0.value) }
    return [
      "id": .string(id), "cluster": .string(options.serviceCluster),
      "locality": locality(metadata["LABELS"]?["istio-locality"]?.string ?? ""),
      "metadata": .object(JSONObject(distinct: members)),
    ]
  }

  /// `region.zone.subzone`, or with slashes (label `istio-locality`).
  private static func locality(_ text: String) -> JSONValue {
    let separator: Character = text.contains("/") ? "/" : "."
    let parts = text.split(separator: separator, omittingEmptySubsequences: false).map(String.init)
    let members = zip(["region", "zone", "sub_zone"], parts).filter { !$1.isEmpty }
    return .object(
      JSONObject(distinct: members.map { JSONObject.Member($0, .string($1)) }))
  }

  /// Istio's settings of Envoy's runtime, and those of `runtimeValues`; an empty one takes away.
  private static func runtime(_ options: AgentOptions) -> JSONValue {
    let prefix = "envoy.reloadable_features."
    let listener = "envoy.config.listener.v3.Listener"
    var values: [String: JSONValue] = [
      "re2.max_program_size.error_level": "32768",
      "envoy.deprecated_features:\(listener).hidden_envoy_deprecated_use_original_dst": true,
      prefix + "http_reject_path_with_fragment": false, prefix + "fixed_heap_use_allocated": true,
      prefix + "coalesce_lb_rebuilds_on_batch_update": false,
    ]
    if options.bootstrap.keepsFragments {
      values[prefix + "http_strip_fragment_from_path_unsafe_if_disabled"] = "false"
    }
    for (name, value) in options.proxy.entries("runtimeValues") {
      values[name] =
        value.isEmpty
        ? nil : value == "true" || value == "false" ? .bool(value == "true") : .string(value)
    }
    let members = values.sorted { $0.key < $1.key }.map { JSONObject.Member($0.key, $0.value) }
    return [
      ["name": "global config", "static_layer": .object(JSONObject(distinct: members))],
      ["name": "admin", "admin_layer": [:]],
    ]
  }
}

extension JSONValue {
  /// An object of those members that have a value.
  static func members(_ members: (String, JSONValue?)...) -> JSONValue {
    .object(
      JSONObject(
        distinct: members.compactMap { key, value in value.map { JSONObject.Member(key, $0) } }))
  }
}
