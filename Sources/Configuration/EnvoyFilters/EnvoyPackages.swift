// SPDX-License-Identifier: Apache-2.0

import EnvoyAPI

/// The packages of Envoy's API, v3, that istiod 1.30 knows and this build does not carry: contributed
/// extensions, and those of a younger Envoy.
enum EnvoyPackages {
  /// Whether a type that this build does not know may be one of Envoy's: its package is known.
  static func mayHave(typeURL: String) -> Bool {
    let name = typeURL.split(separator: "/").last.map(String.init) ?? ""
    let parts = name.split(separator: ".")
    guard parts.count > 1 else { return false }
    let package = parts.dropLast().joined(separator: ".")
    return notCarried.contains(package) || MessageType.isKnown(package: package)
  }

  private static let notCarried: Set<String> = [
    "envoy.extensions.access_loggers.dynamic_modules.v3",
    "envoy.extensions.bootstrap.dynamic_modules.v3", "envoy.extensions.clusters.composite.v3",
    "envoy.extensions.clusters.dynamic_modules.v3",
    "envoy.extensions.clusters.mcp_multicluster.v3",
    "envoy.extensions.compression.qatzip.compressor.v3alpha",
    "envoy.extensions.compression.qatzstd.compressor.v3alpha",
    "envoy.extensions.config.v3alpha", "envoy.extensions.content_parsers.json.v3",
    "envoy.extensions.filters.http.a2a.v3", "envoy.extensions.filters.http.checksum.v3alpha",
    "envoy.extensions.filters.http.dynamo.v3", "envoy.extensions.filters.http.file_server.v3",
    "envoy.extensions.filters.http.golang.v3alpha",
    "envoy.extensions.filters.http.language.v3alpha",
    "envoy.extensions.filters.http.mcp_json_rest_bridge.v3",
    "envoy.extensions.filters.http.peak_ewma.v3alpha",
    "envoy.extensions.filters.http.peer_metadata.v3",
    "envoy.extensions.filters.http.sse_to_metadata.v3",
    "envoy.extensions.filters.http.sxg.v3alpha",
    "envoy.extensions.filters.listener.dynamic_modules.v3",
    "envoy.extensions.filters.listener.postgres_inspector.v3alpha",
    "envoy.extensions.filters.listener.set_filter_state.v3",
    "envoy.extensions.filters.network.client_ssl_auth.v3",
    "envoy.extensions.filters.network.dynamic_modules.v3",
    "envoy.extensions.filters.network.generic_proxy.codecs.kafka.v3",
    "envoy.extensions.filters.network.golang.v3alpha",
    "envoy.extensions.filters.network.kafka_broker.v3",
    "envoy.extensions.filters.network.kafka_mesh.v3alpha",
    "envoy.extensions.filters.network.metadata_exchange.v3",
    "envoy.extensions.filters.network.mysql_proxy.v3",
    "envoy.extensions.filters.network.peer_metadata.v3",
    "envoy.extensions.filters.network.postgres_proxy.v3alpha",
    "envoy.extensions.filters.network.rocketmq_proxy.v3",
    "envoy.extensions.filters.network.sip_proxy.router.v3alpha",
    "envoy.extensions.filters.network.sip_proxy.tra.v3alpha",
    "envoy.extensions.filters.network.sip_proxy.v3alpha",
    "envoy.extensions.filters.udp.dynamic_modules.v3",
    "envoy.extensions.formatter.file_content.v3",
    "envoy.extensions.formatter.generic_secret.v3",
    "envoy.extensions.load_balancing_policies.dynamic_modules.v3",
    "envoy.extensions.load_balancing_policies.peak_ewma.v3alpha",
    "envoy.extensions.load_balancing_policies.random_subsetting.v3",
    "envoy.extensions.matching.actions.transform_stat.v3",
    "envoy.extensions.matching.http.dynamic_modules.v3",
    "envoy.extensions.matching.input_matchers.dynamic_modules.v3",
    "envoy.extensions.matching.input_matchers.hyperscan.v3alpha",
    "envoy.extensions.network.connection_balance.dlb.v3alpha",
    "envoy.extensions.network.dns_resolver.hickory.v3",
    "envoy.extensions.private_key_providers.cryptomb.v3alpha",
    "envoy.extensions.private_key_providers.kae.v3alpha",
    "envoy.extensions.private_key_providers.qat.v3alpha",
    "envoy.extensions.quic.client_writer_factory.v3",
    "envoy.extensions.regex_engines.hyperscan.v3alpha",
    "envoy.extensions.router.cluster_specifier.golang.v3alpha",
    "envoy.extensions.stat_sinks.kafka.v3", "envoy.extensions.tap_sinks.udp_sink.v3alpha",
    "envoy.extensions.tracers.dynamic_modules.v3",
    "envoy.extensions.transport_sockets.tls.cert_mappers.filter_state_override.v3",
    "envoy.extensions.transport_sockets.tls.cert_mappers.sni.v3",
    "envoy.extensions.transport_sockets.tls.cert_mappers.static_name.v3",
    "envoy.extensions.transport_sockets.tls.cert_selectors.on_demand_secret.v3",
    "envoy.extensions.transport_sockets.tls.cert_validator.dynamic_modules.v3",
    "envoy.extensions.upstreams.http.dynamic_modules.v3",
    "envoy.extensions.upstreams.http.tcp.golang.v3alpha", "envoy.extensions.vcl.v3alpha",
    "envoy.service.metrics.v3",
  ]
}
