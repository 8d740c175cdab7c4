// SPDX-License-Identifier: Apache-2.0

import JSON

/// The listeners of the bootstrap: readiness and metrics.
extension Bootstrap {
  /// One of them.
  private struct Page {
    var port: Int
    var path: String
    var cluster: String
    var filters: [JSONValue] = []
    var isLocal = false
    var takesProxyProtocol = false
  }

  static func listeners(_ options: AgentOptions) -> [JSONValue] {
    let more = options.bootstrap
    var ready = Page(port: options.readinessPort, path: "/healthz/ready", cluster: "agent")
    ready.takesProxyProtocol = more.takesProxyProtocol
    var metrics = Page(
      port: options.prometheusPort, path: "/stats/prometheus", cluster: "prometheus_stats")
    metrics.filters = more.collectors.compressesMetrics ? compressors : []
    metrics.isLocal = options.areMetricsLocal
    return [listener(options, ready), listener(options, metrics)]
  }

  /// A listener of one route, whose connections never count against the workload's.
  private static func listener(_ options: AgentOptions, _ page: Page) -> JSONValue {
    let hosts = hosts(options, isLocal: page.isLocal)
    let route: JSONValue = [
      "match": ["prefix": .string(page.path)], "route": ["cluster": .string(page.cluster)],
    ]
    let router: JSONValue = [
      "name": "envoy.filters.http.router",
      "typed_config": ["@type": .string(types + "filters.http.router.v3.Router")],
    ]
    let type = types + "filters.network.http_connection_manager.v3.HttpConnectionManager"
    let manager: JSONValue = [
      "@type": .string(type),
      "stat_prefix": .string(page.cluster == "agent" ? "agent" : "stats"),
      "route_config": [
        "virtual_hosts": [["name": "backend", "domains": ["*"], "routes": [route]]]
      ],
      "http_filters": .array(page.filters + [router]),
    ]
    let more = hosts.dropFirst().map { ["address": address($0, page.port)] as JSONValue }
    return .members(
      ("name", .string("\(hosts[0])_\(page.port)")), ("address", address(hosts[0], page.port)),
      ("additional_addresses", more.isEmpty ? nil : .array(more)),
      ("ignore_global_conn_limit", true), ("bypass_overload_manager", true),
      ("listener_filters", page.takesProxyProtocol ? [proxyProtocol] : nil),
      (
        "filter_chains",
        [
          [
            "filters": [
              ["name": "envoy.filters.network.http_connection_manager", "typed_config": manager]
            ]
          ]
        ]
      ))
  }

  /// Where a listener is bound: in the family of the workload's first address, or in both.
  private static func hosts(_ options: AgentOptions, isLocal: Bool) -> [String] {
    let both = isLocal ? ["127.0.0.1", "::1"] : ["0.0.0.0", "::"]
    if options.addresses.allSatisfy(\.isVersion6) { return [both[1]] }
    guard options.bootstrap.isDualStack, options.addresses.contains(where: \.isVersion6) else {
      return [both[0]]
    }
    return options.addresses[0].isVersion6 ? both.reversed() : both
  }

  private static let proxyProtocol: JSONValue = [
    "name": "envoy.listener.proxy_protocol",
    "typed_config": [
      "@type": .string(types + "filters.listener.proxy_protocol.v3.ProxyProtocol"),
      "allow_requests_without_proxy_protocol": true,
    ],
  ]

  private static let compressors = [
    ("brotli", "Brotli"), ("zstd", "Zstd"), ("gzip", "Gzip"),
  ].map { name, message -> JSONValue in
    let kinds: JSONValue = [
      "text/plain", "application/vnd.google.protobuf", "application/openmetrics-text",
      "application/openmetrics-protobuf",
    ]
    let library = types + "compression.\(name).compressor.v3.\(message)"
    return [
      "name": .string("envoy.filters.http.compressor.\(name)"),
      "typed_config": [
        "@type": .string(types + "filters.http.compressor.v3.Compressor"),
        "compressor_library": [
          "name": .string("stats_\(name)"), "typed_config": ["@type": .string(library)],
        ],
        "response_direction_config": ["common_config": ["content_type": kinds]],
      ],
    ]
  }
}
