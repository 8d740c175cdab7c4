// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import JSON
import MeshModel

/// Who logs requests and connections of a proxy.
struct AccessLogging: Hashable, Sendable {
  /// Where a log is kept.
  enum Place: Hashable, Sendable {
    /// By HTTP connection managers.
    case requests
    /// By TCP proxies.
    case connections
    /// By listeners: connections for which there is no filter chain.
    case listener
  }

  /// The logs, in order.
  var sinks: [AccessLogSink] = []
  /// Whether listeners log too (not `MeshConfig.disableEnvoyListenerLog`).
  var logsListeners = true

  /// The messages of one place.
  func make(
    for trafficClass: TrafficClass, at place: Place, in arena: Arena
  ) -> [Envoy.AccessLog] {
    guard place != .listener || logsListeners else { return [] }
    return sinks.map { sink in
      let log = sink.make(at: place, in: arena)
      if place == .listener { log.filter = .noFilterChain(arena) }
      return log
    }
  }
}

extension Envoy.AccessLogFilter {
  /// Only connections for which no filter chain or route was found.
  fileprivate static func noFilterChain(_ arena: Arena) -> Envoy.AccessLogFilter {
    Envoy.AccessLogFilter(arena) { filter in
      filter.responseFlagFilter = filter.make(Envoy.ResponseFlagFilter.self) { $0.flags = ["NR"] }
    }
  }
}

extension ProxyContext {
  /// The logs that the mesh asks for: those of its default providers, else `accessLogFile` and the
  /// access log service.
  func accessLogging() -> AccessLogging {
    let mesh = settings.mesh
    var logging = AccessLogging()
    logging.logsListeners = !mesh.disableEnvoyListenerLog
    let names = Set(mesh.defaultProviders?.accessLogging ?? []).sorted()
    logging.sinks = names.compactMap { name in
      settings.provider(named: name).flatMap { accessLogSink(of: $0) }
    }
    guard logging.sinks.isEmpty else { return logging }
    if !mesh.accessLogFile.isEmpty {
      logging.sinks.append(.file(.init(path: mesh.accessLogFile, format: mesh.accessLogFormatting)))
    }
    if mesh.enableEnvoyAccessLogService { logging.sinks.append(.accessLogService) }
    return logging
  }

  /// The log of a provider; nil where it is no provider of logs or its service is not known.
  private func accessLogSink(
    of provider: Istio.Mesh.MeshConfig.ExtensionProvider
  ) -> AccessLogSink? {
    switch provider.provider {
    case .envoyFileAccessLog(let file):
      let isBuiltIn =
        provider.name == "envoy" && file.logFormat == nil && !file.omitEmptyValues
      guard !isBuiltIn else {
        return .file(.init(path: file.path, format: settings.mesh.accessLogFormatting))
      }
      return .file(
        .init(
          path: file.path.isEmpty ? "/dev/stdout" : file.path, format: .init(file.logFormat),
          omitsEmptyValues: file.omitEmptyValues))
    case .envoyHttpAls(let als):
      return mesh.providerCluster(service: als.service, port: als.port).map {
        .requestService(GRPCAccessLog(als, cluster: $0))
      }
    case .envoyTcpAls(let als):
      return mesh.providerCluster(service: als.service, port: als.port).map {
        .connectionService(GRPCAccessLog(als, cluster: $0))
      }
    case .envoyOtelAls(let otel):
      return mesh.providerCluster(service: otel.service, port: otel.port).map {
        .openTelemetry(OpenTelemetryAccessLog(otel, cluster: $0))
      }
    default: return nil
    }
  }
}

extension Istio.Mesh.MeshConfig {
  /// `accessLogFormat` in `accessLogEncoding`; Istio's format where it is empty or no JSON.
  fileprivate var accessLogFormatting: AccessLogFormat {
    guard accessLogEncoding == .json else { return .text(accessLogFormat) }
    guard !accessLogFormat.isEmpty,
      case .object(let labels)? = try? JSONValue(parsing: accessLogFormat)
    else { return .json(AccessLogFormat.istioLabels) }
    return .json(labels)
  }
}

extension AccessLogFormat {
  fileprivate init(
    _ format: Istio.Mesh.MeshConfig.ExtensionProvider.EnvoyFileAccessLogProvider.LogFormat?
  ) {
    switch format {
    case .text(let text): self = .text(text)
    case .labels(.object(let labels)) where !labels.isEmpty: self = .json(labels)
    case .labels: self = .json(Self.istioLabels)
    case .unset, nil: self = .text("")
    }
  }
}
