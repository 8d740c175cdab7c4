// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Checks the settings of proxies.
  mutating func check(_ proxy: Istio.Mesh.ProxyConfig, _ path: FieldPath) {
    require(!proxy.configPath.isEmpty, path["configPath"], "must be given")
    require(!proxy.binaryPath.isEmpty, path["binaryPath"], "must be given")
    switch proxy.clusterName {
    case .serviceCluster(let name)?:
      require(!name.isEmpty, path["serviceCluster"], "must be given")
    case .tracingServiceName?: break
    case nil: error(path["serviceCluster"], "must be given, or tracingServiceName")
    }
    drainDuration(proxy.drainDuration, path["drainDuration"])
    address(proxy.discoveryAddress, path["discoveryAddress"])
    if let tracing = proxy.tracing { check(tracing, path["tracing"]) }
    for (field, value) in [
      ("statsdUdpAddress", proxy.statsdUdpAddress),
      ("envoyMetricsServiceAddress", proxy.envoyMetricsServiceAddress),
    ] where !value.isEmpty {
      address(value, path[field])
    }
    for (field, service) in [
      ("envoyMetricsService", proxy.envoyMetricsService),
      ("envoyAccessLogService", proxy.envoyAccessLogService),
    ] {
      if let service, !service.address.isEmpty { address(service.address, path[field]["address"]) }
    }
    warn(
      proxy.proxyMetadata["ISTIO_META_DNS_AUTO_ALLOCATE"] != nil,
      path["proxyMetadata"]["ISTIO_META_DNS_AUTO_ALLOCATE"],
      "is deprecated: addresses are allocated without it")
    port(proxy.proxyAdminPort, path["proxyAdminPort"])
    port(proxy.statusPort, path["statusPort"])
    require(
      proxy.controlPlaneAuthPolicy != .inherit, path["controlPlaneAuthPolicy"],
      "must be NONE or MUTUAL_TLS")
    if let provider = proxy.privateKeyProvider { check(provider, path["privateKeyProvider"]) }
    if let settings = proxy.connectionSettings { check(settings, path["connectionSettings"]) }
  }

  /// Checks `host:port`.
  mutating func address(_ text: String, _ path: FieldPath) {
    require(
      Names.isAddressAndPort(text), path,
      text.isEmpty ? "must be given" : "\"\(text)\" is not host:port")
  }

  private mutating func check(_ tracing: Istio.Mesh.Tracing, _ path: FieldPath) {
    switch tracing.tracer {
    case .zipkin(let zipkin)?: collector(zipkin.address, path["zipkin"]["address"])
    case .datadog(let datadog)?: collector(datadog.address, path["datadog"]["address"])
    case .lightstep(let lightstep)?:
      address(lightstep.address, path["lightstep"]["address"])
      require(
        !lightstep.accessToken.isEmpty, path["lightstep"]["accessToken"], "must be given")
    case .stackdriver?, .openCensusAgent?, nil: break
    }
    for (name, tag) in tracing.customTags.sorted(by: { $0.key < $1.key }) {
      require(tag != .unset, path["customTags"][name], "must have literal, environment or header")
    }
    if let tls = tracing.tlsSettings { check(tls, namespace: "", path["tlsSettings"]) }
  }

  /// The address of a collector, which may be on the proxy's own node.
  private mutating func collector(_ text: String, _ path: FieldPath) {
    let node = "$(HOST_IP)"
    address(text.hasPrefix(node) ? "127.0.0.1" + text.dropFirst(node.count) : text, path)
  }

  private mutating func check(_ provider: Istio.Mesh.PrivateKeyProvider, _ path: FieldPath) {
    let (name, delay): (String, Duration?) =
      switch provider {
      case .cryptomb(let settings): ("cryptomb", settings.pollDelay)
      case .qat(let settings): ("qat", settings.pollDelay)
      case .unset: ("", nil)
      }
    guard !name.isEmpty else { return error(path, "must have cryptomb or qat") }
    require(
      delay != nil && delay != .zero, path[name]["pollDelay"], "must be given, and not 0")
  }

  /// Checks the limits of a proxy's connections.
  mutating func check(
    _ settings: Istio.Mesh.ProxyConfig.ConnectionSettings, _ path: FieldPath
  ) {
    let limits: [(String, Int32?, Int32)] = [
      (
        "listenerPerConnectionBufferLimitBytes", settings.listenerPerConnectionBufferLimitBytes, 0
      ),
      ("clusterPerConnectionBufferLimitBytes", settings.clusterPerConnectionBufferLimitBytes, 0),
      ("httpMaxConcurrentStreams", settings.httpMaxConcurrentStreams, 1),
      ("http2InitialStreamWindowSize", settings.http2InitialStreamWindowSize, 65535),
      ("http2InitialConnectionWindowSize", settings.http2InitialConnectionWindowSize, 65535),
      ("listenerConnectionLimit", settings.listenerConnectionLimit, 1),
      ("globalDownstreamConnectionLimit", settings.globalDownstreamConnectionLimit, 1),
    ]
    for (field, value, least) in limits {
      require((value ?? least) >= least, path[field], "must be at least \(least)")
    }
    for (field, time) in [
      ("httpIdleTimeout", settings.httpIdleTimeout),
      ("httpMaxConnectionDuration", settings.httpMaxConnectionDuration),
      ("httpDrainTimeout", settings.httpDrainTimeout),
      ("httpRequestTimeout", settings.httpRequestTimeout),
      ("httpRequestHeadersTimeout", settings.httpRequestHeadersTimeout),
      ("httpStreamIdleTimeout", settings.httpStreamIdleTimeout),
      ("httpMaxStreamDuration", settings.httpMaxStreamDuration),
    ] {
      require((time ?? .zero) >= .zero, path[field], "must not be negative")
    }
  }
}
