// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import JSON
import MeshModel

/// Where spans are sent: an extension provider with the clusters of its services.
struct TracingCollector: Hashable, Sendable {
  /// The provider as it is written.
  private var provider: Istio.Mesh.MeshConfig.ExtensionProvider.Provider
  /// The cluster of its service.
  private var cluster: ProviderCluster
  /// The cluster of the Dynatrace sampler's service, where it has one of its own.
  private var samplerCluster: ProviderCluster?
  /// The name under which the proxy's spans stand.
  private var serviceName: String

  fileprivate init(
    _ provider: Istio.Mesh.MeshConfig.ExtensionProvider.Provider, cluster: ProviderCluster,
    samplerCluster: ProviderCluster?, serviceName: String
  ) {
    self.provider = provider
    self.cluster = cluster
    self.samplerCluster = samplerCluster
    self.serviceName = serviceName
  }

  /// Whether the provider decides by itself which spans it takes.
  var hasSampler: Bool {
    guard case .opentelemetry(let telemetry) = provider else { return false }
    return telemetry.sampling != nil
  }

  /// Whether it is SkyWalking, which wants a span for each side.
  var isSkyWalking: Bool {
    guard case .skywalking = provider else { return false }
    return true
  }

  /// The most bytes of a path that a tag holds, where the provider says it.
  var maxTagLength: UInt32? {
    let length: UInt32 =
      switch provider {
      case .zipkin(let zipkin): zipkin.maxTagLength
      case .datadog(let datadog): datadog.maxTagLength
      case .opentelemetry(let telemetry): telemetry.maxTagLength
      default: 0
      }
    return length == 0 ? nil : length
  }

  /// The message.
  func make(in arena: Arena) -> Envoy.TracingConfig.Http? {
    switch provider {
    case .zipkin(let zipkin): tracer("zipkin", config(zipkin, arena), arena)
    case .datadog:
      tracer(
        "datadog",
        Envoy.DatadogConfig(arena) {
          $0.collectorCluster = cluster.name
          $0.collectorHostname = cluster.host
          $0.serviceName = serviceName
        }, arena)
    case .skywalking:
      tracer(
        "skywalking",
        Envoy.SkyWalkingConfig(arena) { $0.grpcService = cluster.grpcService(in: arena) }, arena)
    case .opentelemetry(let telemetry): tracer("opentelemetry", config(telemetry, arena), arena)
    default: nil
    }
  }

  private func tracer(
    _ name: String, _ config: some ProtobufMessage, _ arena: Arena
  ) -> Envoy.TracingConfig.Http {
    Envoy.TracingConfig.Http(arena) {
      $0.name = "envoy.tracers." + name
      $0.typedConfig = .pack(config)
    }
  }

  private func config(
    _ zipkin: Istio.Mesh.MeshConfig.ExtensionProvider.ZipkinTracingProvider, _ arena: Arena
  ) -> Envoy.ZipkinConfig {
    Envoy.ZipkinConfig(arena) { config in
      config.collectorEndpointVersion = .httpJson
      config.traceId128bit = !zipkin.enable64bitTraceId
      config.sharedSpanContext = false
      let path = zipkin.path.isEmpty ? "/api/v2/spans" : zipkin.path
      config.collectorService = service(
        "http://\(cluster.host)\(path)", cluster, timeout: zipkin.timeout ?? .seconds(5),
        headers: zipkin.headers, arena)
      config.traceContextOption =
        zipkin.traceContextOption == .useB3WithW3cPropagation ? .useB3WithW3cPropagation : .useB3
    }
  }

  private func config(
    _ telemetry: Istio.Mesh.MeshConfig.ExtensionProvider.OpenTelemetryTracingProvider,
    _ arena: Arena
  ) -> Envoy.OpenTelemetryConfig {
    Envoy.OpenTelemetryConfig(arena) { config in
      config.serviceName = serviceName
      if let http = telemetry.http {
        config.httpService = service(
          joined(cluster.host, http.path), cluster, timeout: http.timeout, headers: http.headers,
          arena)
      } else {
        let grpc = cluster.grpcService(in: arena)
        grpc.timeout = telemetry.grpc?.timeout
        grpc.initialMetadata = .init(
          (telemetry.grpc?.initialMetadata ?? []).map { header in
            Envoy.HeaderValue(arena) {
              $0.key = header.name
              $0.value = header.text
            }
          })
        config.grpcService = grpc
      }
      config.resourceDetectors = .init(detectors(telemetry, arena))
      if case .dynatraceSampler(let sampler)? = telemetry.sampling {
        config.sampler = self.sampler(sampler, telemetry, arena)
      }
    }
  }

  private func detectors(
    _ telemetry: Istio.Mesh.MeshConfig.ExtensionProvider.OpenTelemetryTracingProvider,
    _ arena: Arena
  ) -> [Envoy.TypedExtensionConfig] {
    let prefix = "envoy.tracers.opentelemetry.resource_detectors."
    let environment = Envoy.TypedExtensionConfig.typed(
      arena, prefix + "environment", Envoy.EnvironmentResourceDetectorConfig(arena))
    var detectors: [Envoy.TypedExtensionConfig] = []
    let hasEnvironment = telemetry.resourceDetectors?.environment != nil
    if hasEnvironment { detectors.append(environment) }
    if telemetry.resourceDetectors?.dynatrace != nil {
      detectors.append(
        .typed(arena, prefix + "dynatrace", Envoy.DynatraceResourceDetectorConfig(arena)))
    }
    if !hasEnvironment, telemetry.serviceAttributeEnrichment == .otelSemanticConventions {
      detectors.append(environment)
    }
    return detectors
  }

  private func sampler(
    _ sampler: Istio.Mesh.MeshConfig.ExtensionProvider.OpenTelemetryTracingProvider
      .DynatraceSampler,
    _ telemetry: Istio.Mesh.MeshConfig.ExtensionProvider.OpenTelemetryTracingProvider,
    _ arena: Arena
  ) -> Envoy.TypedExtensionConfig {
    let config = Envoy.DynatraceSamplerConfig(arena) { config in
      config.tenant = sampler.tenant
      config.clusterId = sampler.clusterId
      config.rootSpansPerMinute = sampler.rootSpansPerMinute
      if let own = sampler.httpService?.http, let target = samplerCluster {
        config.httpService = service(
          joined(target.host, own.path), target, timeout: own.timeout, headers: own.headers, arena)
      } else {
        config.httpService = service(
          joined(cluster.host, "api/v2/samplingConfiguration"), cluster,
          timeout: telemetry.http?.timeout, headers: telemetry.http?.headers ?? [], arena)
      }
    }
    return .typed(arena, "envoy.tracers.opentelemetry.samplers.dynatrace", config)
  }

  private func service(
    _ uri: String, _ target: ProviderCluster, timeout: Duration?,
    headers: [Istio.Mesh.MeshConfig.ExtensionProvider.HttpHeader], _ arena: Arena
  ) -> Envoy.HttpService {
    Envoy.HttpService(arena) { service in
      service.httpUri = service.make(Envoy.HttpUri.self) {
        $0.uri = uri
        $0.cluster = target.name
        $0.timeout = timeout
      }
      for header in headers {
        service.requestHeadersToAdd.append(
          Envoy.HeaderValueOption(arena) { option in
            option.appendAction = .overwriteIfExistsOrAdd
            option.header = Envoy.HeaderValue(arena) {
              $0.key = header.name
              $0.value = header.text
            }
          })
      }
    }
  }

  private func joined(_ host: String, _ path: String) -> String {
    guard !path.isEmpty else { return host }
    return path.hasPrefix("/") ? host + path : "\(host)/\(path)"
  }
}

extension Istio.Mesh.MeshConfig.ExtensionProvider.HttpHeader {
  /// The header's value; one that an environment variable holds is not known here.
  fileprivate var text: String {
    guard case .value(let text)? = headerValue else { return "" }
    return text
  }
}

extension ProxyContext {
  /// Where a provider sends spans; nil where it is none of tracing or its service is not known.
  func tracingCollector(
    of provider: Istio.Mesh.MeshConfig.ExtensionProvider
  ) -> TracingCollector? {
    let make = { (service: String, port: UInt32, name: String) -> TracingCollector? in
      guard let kind = provider.provider,
        let cluster = mesh.providerCluster(service: service, port: port)
      else { return nil }
      return TracingCollector(kind, cluster: cluster, samplerCluster: nil, serviceName: name)
    }
    switch provider.provider {
    case .zipkin(let zipkin): return make(zipkin.service, zipkin.port, "")
    case .datadog(let datadog): return make(datadog.service, datadog.port, node.serviceCluster)
    case .skywalking(let skywalking): return make(skywalking.service, skywalking.port, "")
    case .opentelemetry(let telemetry): return collector(telemetry, provider)
    default: return nil
    }
  }

  private func collector(
    _ telemetry: Istio.Mesh.MeshConfig.ExtensionProvider.OpenTelemetryTracingProvider,
    _ provider: Istio.Mesh.MeshConfig.ExtensionProvider
  ) -> TracingCollector? {
    guard let kind = provider.provider,
      let cluster = mesh.providerCluster(service: telemetry.service, port: telemetry.port)
    else { return nil }
    var samplerCluster: ProviderCluster?
    if case .dynatraceSampler(let sampler)? = telemetry.sampling {
      if let own = sampler.httpService {
        samplerCluster = mesh.providerCluster(service: own.service, port: own.port)
        if samplerCluster == nil { return nil }
      } else if telemetry.http == nil {
        return nil
      }
    }
    let enriched = telemetry.serviceAttributeEnrichment == .otelSemanticConventions
    return TracingCollector(
      kind, cluster: cluster, samplerCluster: samplerCluster,
      serviceName: enriched ? semanticServiceName : node.serviceCluster)
  }

  /// The service's name by OpenTelemetry's conventions for Kubernetes.
  private var semanticServiceName: String {
    let annotations = node.metadata["ANNOTATIONS"]?["resource.opentelemetry.io/service.name"]
    let containers = node.text("APP_CONTAINERS")
    let candidates = [
      annotations?.string, node.labels["app.kubernetes.io/instance"],
      node.labels["app.kubernetes.io/name"], node.text("WORKLOAD_NAME"), node.name,
      containers.contains(",") ? nil : containers,
    ]
    return candidates.compactMap(\.self).first { !$0.isEmpty } ?? "unknown_service"
  }
}
