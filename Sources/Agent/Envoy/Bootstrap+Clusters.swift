// SPDX-License-Identifier: Apache-2.0

import JSON

/// The clusters of the bootstrap: the agent, Envoy's own metrics, collectors; and who uses them.
extension Bootstrap {
  static func clusters(_ options: AgentOptions, socket: String) -> [JSONValue] {
    let local = options.addresses.allSatisfy(\.isVersion6) ? "::1" : "127.0.0.1"
    let collectors = options.bootstrap.collectors
    let family = lookupFamily(options)
    var clusters = [
      discoveryCluster("xds-grpc", socket, isADS: true),
      discoveryCluster("sds-grpc", options.sockets.identity ?? socket, isADS: false),
      cluster("prometheus_stats", address("127.0.0.1", options.adminPort)),
      cluster("agent", address(local, options.statusPort)),
    ]
    if let files = options.sockets.files {
      clusters.append(discoveryCluster("sds-files-grpc", files, isADS: false))
    }
    if let tracer = collectors.tracer {
      clusters.append(
        collectorCluster(
          tracerCluster(tracer.kind), tracer.collector, family, speaksHTTP2: false,
          refresh: tracer.kind == .zipkin ? "30s" : nil))
    }
    for (name, collector) in [
      ("envoy_metrics_service", collectors.metricsService),
      ("envoy_accesslog_service", collectors.accessLogService),
    ] {
      guard let collector else { continue }
      clusters.append(
        collectorCluster(name, collector, family, speaksHTTP2: true, refresh: nil))
    }
    return clusters
  }

  /// The tracer of connection managers for which the control plane names none.
  static func tracing(_ options: AgentOptions) -> JSONValue? {
    guard let tracer = options.bootstrap.collectors.tracer else { return nil }
    let cluster = JSONValue.string(tracerCluster(tracer.kind))
    let types = "type.googleapis.com/envoy.config.trace.v3."
    let settings: JSONValue =
      switch tracer.kind {
      case .zipkin:
        [
          "@type": .string(types + "ZipkinConfig"), "collector_cluster": cluster,
          "collector_endpoint": "/api/v2/spans", "collector_endpoint_version": "HTTP_JSON",
          "trace_id_128bit": true, "shared_span_context": false,
        ]
      case .datadog:
        [
          "@type": .string(types + "DatadogConfig"), "collector_cluster": cluster,
          "service_name": .string(options.serviceCluster),
        ]
      }
    return [
      "http": ["name": .string("envoy.tracers.\(tracer.kind)"), "typed_config": settings]
    ]
  }

  /// Who is told of metrics without asking.
  static func sinks(_ collectors: CollectorOptions) -> JSONValue? {
    let types = "type.googleapis.com/envoy.config.metrics.v3."
    var sinks: [JSONValue] = []
    if collectors.metricsService != nil {
      sinks.append([
        "name": "envoy.stat_sinks.metrics_service",
        "typed_config": [
          "@type": .string(types + "MetricsServiceConfig"), "transport_api_version": "V3",
          "grpc_service": ["envoy_grpc": ["cluster_name": "envoy_metrics_service"]],
        ],
      ])
    }
    if let statsd = collectors.statsd {
      sinks.append([
        "name": "envoy.stat_sinks.statsd",
        "typed_config": [
          "@type": .string(types + "StatsdSink"),
          "address": address(statsd.host, Int(statsd.port)),
        ],
      ])
    }
    return sinks.isEmpty ? nil : .array(sinks)
  }

  private static func tracerCluster(_ kind: CollectorOptions.Tracer) -> String {
    kind == .zipkin ? "zipkin" : "datadog_agent"
  }

  private static func lookupFamily(_ options: AgentOptions) -> JSONValue {
    if options.addresses.allSatisfy(\.isVersion6) { return "V6_ONLY" }
    let hasBoth = options.addresses.contains(where: \.isVersion6)
    return hasBoth && options.bootstrap.isDualStack ? "ALL" : "V4_ONLY"
  }

  private static func cluster(_ name: String, _ address: JSONValue) -> JSONValue {
    [
      "name": .string(name), "alt_stat_name": .string(name + ";"), "type": "STATIC",
      "connect_timeout": "0.250s", "load_assignment": assignment(name, address),
    ]
  }

  /// A cluster of the agent's socket.
  private static func discoveryCluster(_ name: String, _ socket: String, isADS: Bool) -> JSONValue {
    let limits = ["DEFAULT", "HIGH"].map { priority -> JSONValue in
      [
        "priority": .string(priority), "max_connections": 100_000,
        "max_pending_requests": 100_000, "max_requests": 100_000,
      ]
    }
    return .members(
      ("name", .string(name)), ("alt_stat_name", .string(name + ";")), ("type", "STATIC"),
      ("connect_timeout", "1s"),
      ("circuit_breakers", isADS ? ["thresholds": .array(limits)] : nil),
      // A stream that begins anew does so on a connection of its own.
      ("max_requests_per_connection", isADS ? 1 : nil),
      ("typed_extension_protocol_options", http2),
      ("load_assignment", assignment(name, ["pipe": ["path": .string(socket)]])))
  }

  private static func collectorCluster(
    _ name: String, _ collector: CollectorOptions.Collector, _ family: JSONValue,
    speaksHTTP2: Bool, refresh: JSONValue?
  ) -> JSONValue {
    .members(
      ("name", .string(name)), ("alt_stat_name", .string(name + ";")), ("type", "STRICT_DNS"),
      ("transport_socket", collector.socket),
      ("upstream_connection_options", collector.keepalive), ("respect_dns_ttl", true),
      ("dns_lookup_family", family), ("dns_refresh_rate", refresh), ("connect_timeout", "1s"),
      ("typed_extension_protocol_options", speaksHTTP2 ? http2 : nil),
      ("load_assignment", assignment(name, address(collector.host, Int(collector.port)))))
  }

  private static let http2: JSONValue = [
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": [
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      "explicit_http_config": ["http2_protocol_options": [:]],
    ]
  ]

  private static func assignment(_ name: String, _ address: JSONValue) -> JSONValue {
    [
      "cluster_name": .string(name),
      "endpoints": [["lb_endpoints": [["endpoint": ["address": address]]]]],
    ]
  }
}
