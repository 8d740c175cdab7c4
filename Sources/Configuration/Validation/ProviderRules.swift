// SPDX-License-Identifier: Apache-2.0

import JSON

extension Checker {
  /// Checks the providers that policies name.
  mutating func check(
    _ providers: [Istio.Mesh.MeshConfig.ExtensionProvider], _ path: FieldPath
  ) {
    var names: Set<String> = []
    for (index, provider) in providers.enumerated() {
      let here = path[index]
      require(!provider.name.isEmpty, here["name"], "must be given")
      require(
        provider.name.isEmpty || names.insert(provider.name).inserted, here["name"],
        "\"\(provider.name)\" is given twice")
      check(provider.provider, here)
    }
  }

  private mutating func check(
    _ provider: Istio.Mesh.MeshConfig.ExtensionProvider.Provider?, _ path: FieldPath
  ) {
    switch provider {
    case .envoyExtAuthzHttp(let http)?:
      let here = path["envoyExtAuthzHttp"]
      service(http.service, http.port, here)
      status(http.statusOnError, here["statusOnError"])
      require(
        http.pathPrefix.isEmpty
          || http.pathPrefix.hasPrefix("/") && Names.scheme(ofURL: http.pathPrefix) != nil,
        here["pathPrefix"], "must be a path from /")
    case .envoyExtAuthzGrpc(let grpc)?:
      let here = path["envoyExtAuthzGrpc"]
      service(grpc.service, grpc.port, here)
      status(grpc.statusOnError, here["statusOnError"])
    case .zipkin(let zipkin)?: service(zipkin.service, zipkin.port, path["zipkin"])
    case .lightstep(let lightstep)?:
      service(lightstep.service, lightstep.port, path["lightstep"])
      require(
        !lightstep.accessToken.isEmpty, path["lightstep"]["accessToken"], "must be given")
    case .datadog(let datadog)?: service(datadog.service, datadog.port, path["datadog"])
    case .opencensus(let agent)?: service(agent.service, agent.port, path["opencensus"])
    case .skywalking(let walking)?: service(walking.service, walking.port, path["skywalking"])
    case .opentelemetry(let telemetry)?:
      let here = path["opentelemetry"]
      service(telemetry.service, telemetry.port, here)
      require(telemetry.grpc == nil || telemetry.http == nil, here["grpc"], "does not go with http")
    case .envoyOtelAls(let log)?: service(log.service, log.port, path["envoyOtelAls"])
    case .envoyHttpAls(let log)?: service(log.service, log.port, path["envoyHttpAls"])
    case .envoyTcpAls(let log)?: service(log.service, log.port, path["envoyTcpAls"])
    case .prometheus?, .stackdriver?, .envoyFileAccessLog?: break
    case .sds?, nil: error(path, "is not a provider that is supported")
    }
  }

  private mutating func service(_ name: String, _ number: UInt32, _ path: FieldPath) {
    providerService(name, path["service"])
    port(number, path["port"])
  }

  /// A service: a name or an address, or `namespace/name`.
  mutating func providerService(_ name: String, _ path: FieldPath) {
    guard !name.isEmpty else { return error(path, "must be given") }
    if name.contains("/") {
      egressHost(name, path)
    } else {
      require(
        Names.isDomain(name) || IPAddress(name) != nil, path,
        "\"\(name)\" is no IP address or domain name")
    }
  }

  private mutating func status(_ text: String, _ path: FieldPath) {
    require(
      text.isEmpty || Int(text).map(Names.isEnvoyStatus) ?? false, path,
      "\"\(text)\" is not a status that Envoy answers")
  }
}

extension Names {
  /// Whether Envoy's list of statuses has one; its 0 is for none.
  static func isEnvoyStatus(_ status: Int) -> Bool {
    status == 0 || status == 100
      || status >= 200 && isKnownStatus(status) && ![418, 425].contains(status)
  }
}
