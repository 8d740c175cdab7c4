// SPDX-License-Identifier: Apache-2.0

import JSON

/// The bootstrap of gRPC's own xDS clients (`GRPC_XDS_BOOTSTRAP`, gRFC A27 and A29), which ask the agent's
/// socket and read the certificate from `OUTPUT_CERTS`.
enum GRPCBootstrap {
  /// The bootstrap of an agent's options.
  static func make(_ options: AgentOptions, socket: String) -> JSONValue {
    let node = Bootstrap.node(options)
    var metadata = node["metadata"]?.object?.members ?? []
    metadata.append(JSONObject.Member("GENERATOR", "grpc"))
    let path = socket.hasPrefix("/") ? "unix://" + socket : "unix:" + socket
    var members: [JSONObject.Member] = [
      .init(
        "xds_servers",
        [
          [
            "server_uri": .string(path), "channel_creds": [["type": "insecure"]],
            "server_features": ["xds_v3"],
          ]
        ]),
      .init(
        "node",
        [
          "id": node["id"] ?? "", "cluster": node["cluster"] ?? "",
          "locality": node["locality"] ?? [:],
          "metadata": .object(JSONObject(distinct: metadata)),
        ]),
      .init("server_listener_resource_name_template", "xds.istio.io/grpc/lds/inbound/%s"),
    ]
    if let folder = options.certificates.outputFolder {
      let files = CertificateFiles(folder: folder)
      members.append(
        .init(
          "certificate_providers",
          [
            "default": [
              "plugin_name": "file_watcher",
              "config": [
                "certificate_file": .string(files.chain), "private_key_file": .string(files.key),
                "ca_certificate_file": .string(files.roots), "refresh_interval": "900s",
              ],
            ]
          ]))
    }
    return .object(JSONObject(distinct: members))
  }
}
