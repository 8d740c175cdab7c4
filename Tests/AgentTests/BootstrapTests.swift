// SPDX-License-Identifier: Apache-2.0

import Flags
import JSON
import Testing

@testable import Agent

/// What the bootstrap says of metrics, collectors and limits, as that of Istio's agent does.
struct BootstrapTests {
  private func bootstrap(
    _ proxy: String = "{}", annotations: [String: String] = [:], arguments: [String] = [],
    address: String = "10.0.0.1", _ more: [String: String] = [:]
  ) throws -> (json: JSONValue, options: AgentOptions) {
    let pairs = annotations.sorted { $0.key < $1.key }
    let object = JSONObject(distinct: pairs.map { .init($0.key, .string($0.value)) })
    let environment = [
      "POD_NAME": "web-1", "POD_NAMESPACE": "shop", "INSTANCE_IP": address,
      "PROXY_CONFIG": proxy,
      "ISTIO_METAJSON_ANNOTATIONS": String(
        decoding: JSONValue.object(object).utf8(), as: UTF8.self),
    ].merging(more) { $1 }
    var options = try AgentOptions(
      FlagValues(arguments, flags: AgentOptions.flags), role: "sidecar", environment: environment)
    options.addresses.removeAll { !address.contains($0.description) }  // those of this machine
    return (Bootstrap.make(options, socket: "/s"), options)
  }

  private func named(_ name: String, _ list: JSONValue?) -> JSONValue? {
    list?.array?.first { $0["name"]?.string == name }
  }

  @Test func metricsAndTheirTagsAreIstios() throws {
    let config = try bootstrap().json["stats_config"]
    #expect(config?["use_all_default_tags"]?.bool == false)
    let tags = config?["stats_tags"]?.array?.compactMap { $0["tag_name"]?.string } ?? []
    #expect(tags.count == 16 && tags.first == "cluster_name" && tags.contains("response_code"))
    let patterns = config?["stats_matcher"]?["inclusion_list"]?["patterns"]?.array ?? []
    let prefixes = patterns.compactMap { $0["prefix"]?.string }
    #expect(
      prefixes == [
        "reporter=", "cluster_manager", "listener_manager", "server", "cluster.xds-grpc", "wasm",
        "component", "istio",
      ])
    #expect(
      patterns.compactMap { $0["suffix"]?.string } == [
        "rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied",
      ])
    #expect(config?["histogram_bucket_settings"] == nil)
    let counting = try bootstrap("{}", ["EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true"])
    #expect(counting.options.bootstrap.statistics.suffixes.last == "downstream_cx_active")
  }

  @Test func moreMetricsAndTagsCanBeHad() throws {
    let proxy = """
      extraStatTags: [foo, bar]
      proxyStatsMatcher:
        inclusionPrefixes: [unused]
        inclusionRegexps: ["http.{pod_ip}_.*"]
      """
    let (json, options) = try bootstrap(
      proxy,
      annotations: [
        "sidecar.istio.io/extraStatTags": "baz,foo",
        "sidecar.istio.io/statsInclusionPrefixes": "cluster.outbound,x",
        "sidecar.istio.io/statsHistogramBuckets": #"{"z":[1,2.5],"istio":[1]}"#,
        "sidecar.istio.io/statsFlushInterval": "10s",
        "sidecar.istio.io/statsEvictionInterval": "1m",
      ])
    let statistics = options.bootstrap.statistics
    #expect(statistics.tags == ["foo", "bar", "baz"])
    #expect(statistics.prefixes.prefix(3) == ["cluster.outbound", "x", "cluster_manager"])
    // What the machine's interfaces have stands between.
    #expect(statistics.expressions.first == "http.10.0.0.1_.*")
    #expect(statistics.expressions.last == #"vhost\..*\.route\..*"#)
    #expect(json["stats_flush_interval"] == "10s" && json["stats_eviction_interval"] == "60s")
    let buckets = json["stats_config"]?["histogram_bucket_settings"]?.array
    #expect(buckets?.first == ["match": ["prefix": "istio"], "buckets": [1]])
    let tags = json["stats_config"]?["stats_tags"]?.array ?? []
    #expect(tags.contains(["tag_name": "baz", "regex": #"(baz=\.=(.*?);\.;)"#]))
  }

  @Test func annotationsThatSayNothingAreWarnedOf() throws {
    let (json, options) = try bootstrap(
      "tracing: {lightstep: {address: 'a:1'}}",
      annotations: [
        "sidecar.istio.io/statsHistogramBuckets": "x",
        "sidecar.istio.io/statsFlushInterval": "soon",
        "sidecar.istio.io/statsEvictionInterval": "7s",
      ])
    #expect(options.bootstrap.warnings.count == 4)
    #expect(json["stats_flush_interval"] == nil && json["stats_eviction_interval"] == nil)
    #expect(json["tracing"] == nil)
  }

  @Test func spansGoToTheCollectorOfTheProxysConfiguration() throws {
    let zipkin = try bootstrap("tracing: {zipkin: {address: 'zipkin.obs:9411'}}").json
    #expect(zipkin["tracing"]?["http"]?["name"] == "envoy.tracers.zipkin")
    let cluster = named("zipkin", zipkin["static_resources"]?["clusters"])
    #expect(cluster?["type"] == "STRICT_DNS" && cluster?["dns_lookup_family"] == "V4_ONLY")
    #expect(cluster?["dns_refresh_rate"] == "30s" && cluster?["transport_socket"] == nil)
    let datadog = try bootstrap(
      "tracing: {datadog: {address: '$(HOST_IP):8126'}}", ["HOST_IP": "10.9.9.9"])
    let settings = datadog.json["tracing"]?["http"]?["typed_config"]
    #expect(settings?["service_name"] == "istio-proxy.shop")
    #expect(settings?["collector_cluster"] == "datadog_agent")
    let collector = datadog.options.bootstrap.collectors.tracer?.collector
    #expect(collector?.host == "10.9.9.9" && collector?.port == 8126)
    #expect(throws: FlagError.self) { try bootstrap("tracing: {zipkin: {address: nowhere}}") }
  }

  @Test func metricsAndRequestsAreToldToServices() throws {
    let proxy = """
      statsdUdpAddress: "[fd00::9]:8125"
      envoyMetricsService:
        address: ms.obs:15000
        tcpKeepalive: {probes: 3, time: 10s}
        tlsSettings: {mode: ISTIO_MUTUAL}
      envoyAccessLogService:
        address: als.obs:15001
        tlsSettings: {mode: SIMPLE, subjectAltNames: [als], sni: als.obs}
      """
    let json = try bootstrap(proxy).json
    #expect(
      json["stats_sinks"]?.array?.compactMap { $0["name"]?.string } == [
        "envoy.stat_sinks.metrics_service", "envoy.stat_sinks.statsd",
      ])
    let clusters = json["static_resources"]?["clusters"]
    let metrics = named("envoy_metrics_service", clusters)
    #expect(
      metrics?["upstream_connection_options"]?["tcp_keepalive"]
        == ["keepalive_probes": 3, "keepalive_time": 10])
    let mesh = metrics?["transport_socket"]?["typed_config"]
    #expect(mesh?["sni"] == "envoy_metrics_service")
    #expect(mesh?["common_tls_context"]?["alpn_protocols"] == ["istio", "h2"])
    let log = named("envoy_accesslog_service", clusters)?["transport_socket"]?["typed_config"]
    #expect(log?["sni"] == "als.obs")
    let validation = log?["common_tls_context"]?["combined_validation_context"]
    let names = validation?["default_validation_context"]?["match_typed_subject_alt_names"]
    #expect(names?.array?.first == ["san_type": "DNS", "matcher": ["exact": "als"]])
    #expect(validation?["validation_context_sds_secret_config"]?["name"] == "file-root:system")
  }

  @Test func statsdIsGivenAsAnAddress() throws {
    let proxy = try ProxySettings([("a", "statsdUdpAddress: 'statsd.obs:8125'")])
    let known = try CollectorOptions(proxy, metadata: [:], host: nil) { _ in IPAddress("10.8.0.1") }
    #expect(known.statsd?.host == "10.8.0.1" && known.warnings.isEmpty)
    let unknown = try CollectorOptions(proxy, metadata: [:], host: nil) { _ in nil }
    #expect(unknown.statsd == nil && unknown.warnings.count == 1)
    #expect(IPAddress.of(host: "127.1")?.description == "127.0.0.1")
  }

  @Test func envoyIsLimitedAndTunedAsIstiosAgentDoes() throws {
    let plain = try bootstrap().json
    let values = plain["layered_runtime"]?["layers"]?.array?.first?["static_layer"]
    #expect(values?["envoy.reloadable_features.http_reject_path_with_fragment"] == false)
    let limit = { (json: JSONValue) in
      json["overload_manager"]?["resource_monitors"]?.array?.first?["typed_config"]?[
        "max_active_downstream_connections"]
    }
    #expect(limit(plain) == .integer(Int64(Int32.max)))
    let proxy = """
      runtimeValues: {overload.global_downstream_max_connections: "500", re2.max_program_size.error_level: ""}
      """
    let (json, _) = try bootstrap(
      proxy, arguments: ["--outlierLogPath", "/dev/stdout", "--log_as_json"],
      ["ISTIO_DELTA_XDS": "false", "ISTIO_META_LOAD_STATS_CONFIG_JSON": #"{"api_type":"GRPC"}"#])
    #expect(limit(json) == 500)
    #expect(json["dynamic_resources"]?["ads_config"]?["api_type"] == "GRPC")
    #expect(json["cluster_manager"]?["outlier_detection"]?["event_log_path"] == "/dev/stdout")
    #expect(json["cluster_manager"]?["load_stats_config"]?["api_type"] == "GRPC")
    #expect(json["application_log_config"]?["log_format"]?["json_format"]?["level"] == "%l")
    #expect(json["node"]?["metadata"]?["OUTLIER_LOG_PATH"] == "/dev/stdout")
  }

  @Test func listenersAreBoundInTheFamiliesOfTheWorkload() throws {
    let two = try bootstrap(
      "proxyMetadata: {METRICS_LOCALHOST_ACCESS_ONLY: 'true'}", address: "fd00::1,10.0.0.1",
      ["ISTIO_DUAL_STACK": "true", "ENVOY_STATUS_PORT_ENABLE_PROXY_PROTOCOL": "true"]
    ).json["static_resources"]?["listeners"]?.array
    #expect(two?.compactMap { $0["name"]?.string } == ["::_15021", "::1_15090"])
    #expect(
      two?.first?["additional_addresses"]?.array?.first?["address"]?["socket_address"]?["address"]
        == "0.0.0.0")
    #expect(two?.first?["listener_filters"]?.array?.count == 1)
    let filters = two?.last?["filter_chains"]?.array?.first?["filters"]?.array?.first?[
      "typed_config"]?["http_filters"]?.array
    #expect(filters?.count == 4)
    let one = try bootstrap(address: "fd00::1,10.0.0.1").json["static_resources"]?["listeners"]
    #expect(one?.array?.compactMap { $0["name"]?.string } == ["0.0.0.0_15021", "0.0.0.0_15090"])
  }

  @Test func whoElseServesSecretsIsAskedInTheAgentsPlace() throws {
    let socket = "/run/workload-spiffe-uds/socket"
    let sockets = { (answering: [String], environment: [String: String]) in
      try SecretSockets(Variables(environment), folder: "/run") { answering.contains($0) }
    }
    #expect(try sockets([], [:]).identity == nil)
    var options = try bootstrap().options
    options.sockets = try sockets(
      [socket, "/run/credential-uds/socket", "/run/credential-uds/files-socket"], [:])
    let json = Bootstrap.make(options, socket: "/s")
    let path = { (name: String) in
      named(name, json["static_resources"]?["clusters"])?["load_assignment"]?["endpoints"]?.array?
        .first?["lb_endpoints"]?.array?.first?["endpoint"]?["address"]?["pipe"]?["path"]
    }
    #expect(path("sds-grpc") == .string(socket) && path("xds-grpc") == "/s")
    #expect(path("sds-files-grpc") == "/run/credential-uds/files-socket")
    let metadata = json["node"]?["metadata"]
    #expect(metadata?["credential"] == "true" && metadata?["file-credential"] == "true")
    let own = ["WORKLOAD_IDENTITY_SOCKET_FILE": "spire"]
    #expect(
      try sockets(["/run/workload-spiffe-uds/spire"], own).identity
        == "/run/workload-spiffe-uds/spire")
    #expect(throws: FlagError.self) { try sockets([socket], own) }
    #expect(throws: FlagError.self) {
      try sockets([socket], ["WORKLOAD_IDENTITY_SOCKET_FILE": "../socket"])
    }
    #expect(!UnixSocket.answers("/nowhere") && !UnixSocket.answers("/dev/null"))
  }
}
