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

  /// One log, and which requests are in it.
  struct Log: Hashable, Sendable {
    var sink: AccessLogSink
    /// The CEL expression that requests must meet.
    var filter: String?
  }

  /// The logs of calls that the workload makes, in order.
  var client: [Log] = []
  /// The logs of calls that it serves, in order.
  var server: [Log] = []
  /// Whether listeners log too (not `MeshConfig.disableEnvoyListenerLog`).
  var logsListeners = true

  /// The messages of one place.
  func make(
    for trafficClass: TrafficClass, at place: Place, in arena: Arena
  ) -> [Envoy.AccessLog] {
    guard place != .listener || logsListeners else { return [] }
    return (trafficClass.isClientSide ? client : server).map { log in
      let message = log.sink.make(at: place, in: arena)
      var filters: [Envoy.AccessLogFilter] = []
      if place == .listener { filters.append(.noFilterChain(arena)) }
      if let expression = log.filter { filters.append(.expression(arena, expression)) }
      message.filter = .all(arena, filters)
      return message
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

  /// Only what meets a CEL expression.
  fileprivate static func expression(
    _ arena: Arena, _ expression: String
  ) -> Envoy.AccessLogFilter {
    Envoy.AccessLogFilter(arena) { filter in
      filter.extensionFilter = filter.make(Envoy.ExtensionFilter.self) {
        $0.name = "envoy.access_loggers.extension_filters.cel"
        $0.typedConfig = .pack(Envoy.ExpressionFilter(arena) { $0.expression = expression })
      }
    }
  }

  /// What meets all filters; nil for none.
  fileprivate static func all(
    _ arena: Arena, _ filters: [Envoy.AccessLogFilter]
  ) -> Envoy.AccessLogFilter? {
    guard filters.count > 1 else { return filters.first }
    return Envoy.AccessLogFilter(arena) { filter in
      filter.andFilter = filter.make(Envoy.AndFilter.self) { $0.filters = .init(filters) }
    }
  }
}

extension ProxyContext {
  /// The logs that Telemetry objects and the mesh's default providers ask for, else `accessLogFile`
  /// and the access log service.
  func accessLogging(_ rules: TelemetryRules) -> AccessLogging {
    AccessLogging(
      client: accessLogs(rules, clientSide: true), server: accessLogs(rules, clientSide: false),
      logsListeners: !settings.mesh.disableEnvoyListenerLog)
  }

  private func accessLogs(_ rules: TelemetryRules, clientSide: Bool) -> [AccessLogging.Log] {
    let mesh = settings.mesh
    let merged = AccessLogRules(
      rules.accessLogging, defaults: mesh.defaultProviders?.accessLogging ?? [],
      clientSide: clientSide)
    let found = merged.providers.sorted { $0.key < $1.key }.compactMap { name, rule in
      settings.provider(named: name).flatMap { accessLogSink(of: $0) }.map { (rule, $0) }
    }
    guard found.isEmpty else {
      return found.filter { !$0.0.isDisabled }.map { .init(sink: $0.1, filter: $0.0.filter) }
    }
    var logs: [AccessLogging.Log] = []
    if !mesh.accessLogFile.isEmpty {
      let file = FileAccessLogInputs(path: mesh.accessLogFile, format: mesh.accessLogFormatting)
      logs.append(.init(sink: .file(file)))
    }
    if mesh.enableEnvoyAccessLogService { logs.append(.init(sink: .accessLogService)) }
    return logs
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
