// SPDX-License-Identifier: Apache-2.0

import Inspection
import JSON

/// A small proxy's dump as Envoy writes it.
enum SampleDump {
  static func dump(_ edit: (String) -> String = { $0 }) throws -> ProxyDump {
    try ProxyDump(JSONValue(parsing: edit(text)))
  }

  static let text = """
    {"configs": [
    {"@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",
     "static_clusters": [{"cluster": {"name": "xds", "type": "STRICT_DNS"}}],
     "dynamic_active_clusters": [
      {"version_info": "1", "cluster": {"name": "outbound|9080|v2|reviews.default.svc.cluster.local",
       "type": "EDS", "metadata": {"filter_metadata": {"istio": {"config":
       "/apis/networking.istio.io/v1alpha3/namespaces/default/destination-rule/reviews"}}}}},
      {"cluster": {"name": "outbound|9080||reviews.default.svc.cluster.local", "type": "EDS"}},
      {"cluster": {"name": "inbound|9080||", "type": "ORIGINAL_DST"}},
      {"cluster": {"name": "BlackHoleCluster"}}]},
    {"@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump", "dynamic_listeners": [
      {"name": "virtualOutbound", "active_state": {"listener": {"name": "virtualOutbound",
       "address": {"socket_address": {"address": "0.0.0.0", "port_value": 15001}},
       "filter_chains": [
        {"filter_chain_match": {"destination_port": 15001},
         "filters": [{"name": "envoy.filters.network.tcp_proxy",
          "typed_config": {"cluster": "BlackHoleCluster"}}]}],
       "default_filter_chain": {"filters": [{"name": "envoy.filters.network.tcp_proxy",
          "typed_config": {"cluster": "PassthroughCluster"}}]}}}},
      {"name": "0.0.0.0_9080", "active_state": {"listener": {"name": "0.0.0.0_9080",
       "address": {"socket_address": {"address": "0.0.0.0", "port_value": 9080}},
       "additional_addresses": [{"address": {"socket_address": {"address": "::", "port_value": 9080}}}],
       "filter_chains": [
        {"filter_chain_match": {"transport_protocol": "raw_buffer",
          "application_protocols": ["http/1.0", "http/1.1", "h2c"]},
         "filters": [{"name": "envoy.filters.network.http_connection_manager",
          "typed_config": {"rds": {"route_config_name": "9080"}}}]},
        {"filter_chain_match": {"server_names": ["a.example", "b.example"],
          "prefix_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}], "destination_port": 9080},
         "filters": [{"name": "envoy.filters.network.tcp_proxy",
          "typed_config": {"cluster": "outbound|9080||reviews.default.svc.cluster.local"}}]},
        {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config":
          {"route_config": {"virtual_hosts": [{"domains": ["*"], "routes": [
           {"match": {"prefix": "/"}, "route": {"cluster": "inbound|9080||"}}]}]}}}]}]}}}]},
    {"@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump", "dynamic_route_configs": [
      {"route_config": {"name": "http.8080", "virtual_hosts": [{"name": "blackhole:8080",
       "domains": ["*"]}]}},
      {"route_config": {"name": "9080", "virtual_hosts": [
       {"name": "reviews.default.svc.cluster.local:9080", "domains": [
        "reviews.default.svc.cluster.local", "reviews", "reviews.default.svc", "reviews.default",
        "10.96.0.1", "reviews:9080"],
        "routes": [
         {"match": {"path_separated_prefix": "/api"}, "route": {"cluster": "a"},
          "metadata": {"filter_metadata": {"istio": {"config":
          "/apis/networking.istio.io/v1alpha3/namespaces/default/virtual-service/reviews"}}}},
         {"match": {"safe_regex": {"regex": "/v[0-9]"}}, "route": {"cluster": "a"}},
         {"match": {"prefix": "/"}, "route": {"cluster": "b"}}]},
       {"name": "allow_any", "domains": ["*"], "routes": [
        {"match": {"prefix": "/"}, "route": {"cluster": "PassthroughCluster"}}]}]}}]},
    {"@type": "type.googleapis.com/envoy.admin.v3.EndpointsConfigDump", "dynamic_endpoint_configs": [
      {"endpoint_config": {"cluster_name": "outbound|9080||reviews.default.svc.cluster.local",
       "endpoints": [{"locality": {"region": "r", "zone": "z"}, "lb_endpoints": [
        {"health_status": "HEALTHY", "endpoint": {"address": {"socket_address":
         {"address": "10.0.0.2", "port_value": 9080}}}},
        {"endpoint": {"address": {"pipe": {"path": "/tmp/s"}}}}]}]}}]},
    {"@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump",
     "dynamic_active_secrets": [
      {"name": "default", "secret": {"tls_certificate": {"certificate_chain":
       {"inline_bytes": "Y2hhaW4="}}}},
      {"name": "ROOTCA", "secret": {"validation_context": {"trusted_ca":
       {"inline_bytes": "cm9vdA=="}}}}],
     "dynamic_warming_secrets": [{"name": "kubernetes://late"}]}
    ]}
    """
}
