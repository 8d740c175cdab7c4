// SPDX-License-Identifier: Apache-2.0

import JSON

/// The configuration that Envoy starts with: who it is, and the agent's socket for all the rest.
enum Bootstrap {
  /// The bootstrap of an agent's options.
  static func make(_ options: AgentOptions, socket: String) -> JSONValue {
    [
      "node": node(options),
      "admin": ["address": address("127.0.0.1", options.adminPort)],
      "dynamic_resources": [
        "ads_config": [
          "api_type": "DELTA_GRPC", "transport_api_version": "V3",
          "set_node_on_first_message_only": true,
          "grpc_services": [["envoy_grpc": ["cluster_name": "xds-grpc"]]],
        ],
        "cds_config": source, "lds_config": source,
      ],
      "static_resources": ["clusters": [cluster("xds-grpc", socket), cluster("sds-grpc", socket)]],
    ]
  }

  private static let source: JSONValue = [
    "ads": [:], "resource_api_version": "V3", "initial_fetch_timeout": "0s",
  ]

  /// What the control plane knows the proxy by.
  private static func node(_ options: AgentOptions) -> JSONValue {
    let id =
      "\(options.role)~\(options.addresses[0])~\(options.podName).\(options.namespace)"
      + "~\(options.dnsDomain)"
    var metadata = options.metadata
    metadata["NAMESPACE"] = .string(options.namespace)
    metadata["SERVICE_ACCOUNT"] = .string(options.serviceAccount)
    metadata["INSTANCE_IPS"] = .string(options.addresses.joined(separator: ","))
    metadata["NAME"] = .string(options.podName)
    metadata["CLUSTER_ID"] = metadata["CLUSTER_ID"] ?? "Kubernetes"
    // Says that secrets are served on a socket; it is no Istio proxy, and has none of its filters.
    metadata["NAVARCH_AGENT"] = "true"
    let members = metadata.sorted { $0.key < $1.key }.map { JSONObject.Member($0.key, $0.value) }
    return [
      "id": .string(id), "cluster": .string(options.serviceCluster),
      "metadata": .object(JSONObject(distinct: members)),
    ]
  }

  private static func address(_ host: String, _ port: Int) -> JSONValue {
    ["socket_address": ["address": .string(host), "port_value": .integer(Int64(port))]]
  }

  /// A cluster of the agent's socket.
  private static func cluster(_ name: String, _ socket: String) -> JSONValue {
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
      "load_assignment": [
        "cluster_name": .string(name),
        "endpoints": [
          ["lb_endpoints": [["endpoint": ["address": ["pipe": ["path": .string(socket)]]]]]]
        ],
      ],
    ]
  }
}
