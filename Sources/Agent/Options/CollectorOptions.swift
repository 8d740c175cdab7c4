// SPDX-License-Identifier: Apache-2.0

import Flags
import JSON

/// Who is told of spans, metrics and requests by the bootstrap: collectors of the proxy's configuration.
struct CollectorOptions: Sendable {
  /// Where a collector is, and how it is spoken to.
  struct Collector: Hashable, Sendable {
    var host: String
    var port: Int64
    /// The transport socket of Envoy; nil for plaintext.
    var socket: JSONValue?
    /// `upstream_connection_options`.
    var keepalive: JSONValue?
  }

  /// The collectors of spans that an Envoy can be told of in its bootstrap.
  enum Tracer: String, Sendable {
    case zipkin
    case datadog
  }

  var tracer: (kind: Tracer, collector: Collector)?
  var metricsService: Collector?
  var accessLogService: Collector?
  var statsd: Collector?
  /// Whether metrics are compressed for who asks for that.
  var compressesMetrics: Bool
  /// What was asked for and cannot be had.
  var warnings: [String] = []

  /// The collectors of a proxy's configuration.
  ///
  /// - Parameters:
  ///   - host: The address of the machine, which `$(HOST_IP)` stands for.
  ///   - resolve: An address of a host.
  init(
    _ proxy: ProxySettings, metadata: [String: JSONValue], host: String?,
    resolve: (String) -> IPAddress? = IPAddress.of
  ) throws(FlagError) {
    compressesMetrics = proxy.object["statsCompression"]?.bool ?? true
    let service = { (name: String, cluster: String) throws(FlagError) -> Collector? in
      let settings = proxy.object[name]
      guard let text = settings?["address"]?.string, !text.isEmpty else { return nil }
      var collector = try CollectorOptions.collector(text, name, host)
      let tls = CollectorTLS(settings?["tlsSettings"], metadata: metadata)
      collector.socket = tls?.socket(serverName: cluster, speaksHTTP2: true)
      collector.keepalive = CollectorOptions.keepalive(settings?["tcpKeepalive"])
      return collector
    }
    metricsService = try service("envoyMetricsService", "envoy_metrics_service")
    accessLogService = try service("envoyAccessLogService", "envoy_accesslog_service")
    try readStatsd(proxy.text("statsdUdpAddress"), host, resolve)
    let tracing = proxy.object["tracing"]
    for kind in [Tracer.zipkin, .datadog] {
      guard let text = tracing?[kind.rawValue]?["address"]?.string, !text.isEmpty else { continue }
      var collector = try CollectorOptions.collector(text, "tracing.\(kind)", host)
      let tls = CollectorTLS(tracing?["tlsSettings"], metadata: metadata)
      collector.socket = tls?.socket(serverName: "tracer", speaksHTTP2: false)
      tracer = (kind, collector)
    }
    for name in ["lightstep", "stackdriver", "openCensusAgent"] where tracing?[name] != nil {
      warnings.append("tracing.\(name): Envoy has no such tracer any more; nobody is told of spans")
    }
  }

  /// Envoy takes statsd's address as such alone, and no name.
  private mutating func readStatsd(
    _ text: String?, _ machine: String?, _ resolve: (String) -> IPAddress?
  ) throws(FlagError) {
    guard let text else { return }
    statsd = try CollectorOptions.collector(text, "statsdUdpAddress", machine)
    guard let host = statsd?.host, IPAddress(host) == nil else { return }
    statsd?.host = resolve(host)?.description ?? host
    guard statsd?.host == host else { return }
    statsd = nil
    warnings.append("statsdUdpAddress: \(host) has no address; statsd is told of nothing")
  }

  /// `HOST:PORT`.
  private static func collector(
    _ text: String, _ name: String, _ machine: String?
  ) throws(FlagError) -> Collector {
    guard let colon = text.lastIndex(of: ":"), let port = Int64(text[colon...].dropFirst()),
      (1...65_535).contains(port), colon != text.startIndex
    else { throw FlagError("\(name) is \"\(text)\", which is not HOST:PORT.") }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    if host == "$(HOST_IP)", let machine { host = machine }
    return Collector(host: host, port: port)
  }

  private static func keepalive(_ settings: JSONValue?) -> JSONValue? {
    guard let settings else { return nil }
    let seconds = { (name: String) -> JSONValue? in
      let duration = settings[name]?.string.flatMap(GoDuration.parse)
      return duration.flatMap { $0 >= .seconds(1) ? .integer($0.components.seconds) : nil }
    }
    return [
      "tcp_keepalive": .members(
        ("keepalive_probes", settings["probes"]), ("keepalive_time", seconds("time")),
        ("keepalive_interval", seconds("interval")))
    ]
  }
}

/// How a collector is spoken to by TLS (`ClientTLSSettings`).
struct CollectorTLS {
  private let settings: JSONValue
  private let metadata: [String: JSONValue]

  /// The settings; nil where there is no TLS.
  init?(_ settings: JSONValue?, metadata: [String: JSONValue]) {
    guard let settings, let mode = settings["mode"]?.string, mode != "DISABLE" else { return nil }
    (self.settings, self.metadata) = (settings, metadata)
  }

  /// The transport socket.
  ///
  /// - Parameter serverName: Asked for by SNI with mutual TLS of the mesh, unless the settings say another.
  func socket(serverName: String, speaksHTTP2: Bool) -> JSONValue {
    let isOfMesh = settings["mode"]?.string == "ISTIO_MUTUAL"
    var certificate: String? = isOfMesh ? "default" : nil
    var roots = "ROOTCA"
    if !isOfMesh {
      let file = { (key: String, field: String) in
        [metadata[key]?.string, settings[field]?.string].compactMap(\.self).first { !$0.isEmpty }
      }
      if settings["mode"]?.string == "MUTUAL",
        let chain = file("TLS_CLIENT_CERT_CHAIN", "clientCertificate"),
        let key = file("TLS_CLIENT_KEY", "privateKey")
      {
        certificate = "file-cert:\(chain)~\(key)"
      }
      // Without roots of its own, those of the operating system count.
      roots = "file-root:" + (file("TLS_CLIENT_ROOT_CERT", "caCertificates") ?? "system")
    }
    let name = settings["sni"]?.string ?? (isOfMesh ? serverName : nil)
    let protocols: JSONValue = isOfMesh ? ["istio", "h2"] : ["h2"]
    return [
      "name": "envoy.transport_sockets.tls",
      "typed_config": .members(
        ("@type", .string(Bootstrap.types + "transport_sockets.tls.v3.UpstreamTlsContext")),
        (
          "common_tls_context",
          .members(
            ("alpn_protocols", speaksHTTP2 ? protocols : nil),
            (
              "tls_certificate_sds_secret_configs",
              certificate.map { [CollectorTLS.secret($0)] }
            ),
            (
              "combined_validation_context",
              [
                "default_validation_context": names,
                "validation_context_sds_secret_config": CollectorTLS.secret(roots),
              ]
            ))
        ), ("sni", name.map(JSONValue.string))),
    ]
  }

  /// The names of which the certificate must have one, of whichever kind.
  private var names: JSONValue {
    let names = settings["subjectAltNames"]?.array?.compactMap(\.string) ?? []
    let kinds = ["DNS", "URI", "EMAIL", "IP_ADDRESS"]
    let matchers = names.flatMap { name in
      kinds.map { kind -> JSONValue in
        ["san_type": .string(kind), "matcher": ["exact": .string(name)]]
      }
    }
    return .members(("match_typed_subject_alt_names", matchers.isEmpty ? nil : .array(matchers)))
  }

  /// A secret of the agent.
  ///
  /// The workload's own are waited for without end; a file might never be there.
  private static func secret(_ name: String) -> JSONValue {
    [
      "name": .string(name),
      "sds_config": .members(
        ("resource_api_version", "V3"),
        ("initial_fetch_timeout", name.hasPrefix("file-") ? nil : "0s"),
        (
          "api_config_source",
          [
            "api_type": "GRPC", "transport_api_version": "V3",
            "set_node_on_first_message_only": true,
            "grpc_services": [["envoy_grpc": ["cluster_name": "sds-grpc"]]],
          ]
        )),
    ]
  }
}
