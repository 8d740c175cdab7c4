// SPDX-License-Identifier: Apache-2.0

import JSON

/// The configuration that Envoy starts with: who it is, the agent's socket for all the rest, and the
/// ports that others ask of its health and metrics.
enum Bootstrap {
  /// The bootstrap of an agent's options.
  static func make(_ options: AgentOptions, socket: String) -> JSONValue {
    let local = options.addresses.allSatisfy(\.isVersion6) ? "::1" : "127.0.0.1"
    return [
      "node": node(options),
      "layered_runtime": ["layers": runtime(options)],
      "admin": ["address": address("127.0.0.1", options.adminPort)],
      "dynamic_resources": [
        "ads_config": [
          "api_type": "DELTA_GRPC", "transport_api_version": "V3",
          "set_node_on_first_message_only": true,
          "grpc_services": [["envoy_grpc": ["cluster_name": "xds-grpc"]]],
        ],
        "cds_config": source, "lds_config": source,
      ],
      "static_resources": [
        "clusters": [
          socketCluster("xds-grpc", socket), socketCluster("sds-grpc", socket),
          cluster("prometheus_stats", address("127.0.0.1", options.adminPort)),
          cluster("agent", address(local, options.statusPort)),
        ],
        "listeners": [
          listener(options, options.readinessPort, path: "/healthz/ready", cluster: "agent"),
          listener(
            options, options.prometheusPort, path: "/stats/prometheus", cluster: "prometheus_stats"),
        ],
      ],
    ]
  }

  private static let source: JSONValue = [
    "ads": [:], "resource_api_version": "V3", "initial_fetch_timeout": "0s",
  ]

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
    var values: [String: JSONValue] = ["re2.max_program_size.error_level": "32768"]
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

  private static func address(_ host: String, _ port: Int) -> JSONValue {
    ["socket_address": ["address": .string(host), "port_value": .integer(Int64(port))]]
  }

  /// A listener of one route, whose connections never count against the workload's.
  private static func listener(
    _ options: AgentOptions, _ port: Int, path: String, cluster: String
  ) -> JSONValue {
    let any = options.addresses.allSatisfy(\.isVersion6) ? "::" : "0.0.0.0"
    let types = "type.googleapis.com/envoy.extensions.filters."
    let route: JSONValue = [
      "match": ["prefix": .string(path)], "route": ["cluster": .string(cluster)],
    ]
    let router: JSONValue = [
      "name": "envoy.filters.http.router",
      "typed_config": ["@type": .string(types + "http.router.v3.Router")],
    ]
    let manager: JSONValue = [
      "@type": .string(types + "network.http_connection_manager.v3.HttpConnectionManager"),
      "stat_prefix": .string(cluster == "agent" ? "agent" : "stats"),
      "route_config": [
        "virtual_hosts": [["name": "backend", "domains": ["*"], "routes": [route]]]
      ],
      "http_filters": [router],
    ]
    return [
      "name": .string("\(any)_\(port)"), "address": address(any, port),
      "ignore_global_conn_limit": true,
      "filter_chains": [
        [
          "filters": [
            ["name": "envoy.filters.network.http_connection_manager", "typed_config": manager]
          ]
        ]
      ],
    ]
  }

  private static func cluster(_ name: String, _ address: JSONValue) -> JSONValue {
    [
      "name": .string(name), "type": "STATIC", "connect_timeout": "0.250s",
      "load_assignment": assignment(name, address),
    ]
  }

  /// A cluster of the agent's socket.
  private static func socketCluster(_ name: String, _ socket: String) -> JSONValue {
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return [
      "name": .string(name), "type": "STATIC", "connect_timeout": "1s",
      "typed_extension_protocol_options": .object(
        JSONObject(distinct: [
          .init(
            options,
            [
              "@type": .string("type.googleapis.com/" + options),
              "explicit_http_config": ["http2_protocol_options": [:]],
            ])
        ])),
      "load_assignment": assignment(name, ["pipe": ["path": .string(socket)]]),
    ]
  }

  private static func assignment(_ name: String, _ address: JSONValue) -> JSONValue {
    [
      "cluster_name": .string(name),
      "endpoints": [["lb_endpoints": [["endpoint": ["address": address]]]]],
    ]
  }
}
