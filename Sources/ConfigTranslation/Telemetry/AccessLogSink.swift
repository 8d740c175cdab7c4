// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import JSON

/// Where lines of an access log go.
enum AccessLogSink: Hashable, Sendable {
  /// To a file of the proxy.
  case file(FileAccessLogInputs)
  /// To the access log service of the proxy's bootstrap.
  case accessLogService
  /// Requests to a service by gRPC.
  case requestService(GRPCAccessLog)
  /// Connections to a service by gRPC.
  case connectionService(GRPCAccessLog)
  /// To a service by OpenTelemetry's protocol.
  case openTelemetry(OpenTelemetryAccessLog)

  /// The message.
  func make(at place: AccessLogging.Place, in arena: Arena) -> Envoy.AccessLog {
    switch self {
    case .file(let file): file.make(in: arena)
    case .accessLogService:
      GRPCAccessLog.bootstrap(at: place).make(isHTTP: place == .requests, arena)
    case .requestService(let log): log.make(isHTTP: true, arena)
    case .connectionService(let log): log.make(isHTTP: false, arena)
    case .openTelemetry(let log): log.make(in: arena)
    }
  }
}

/// A log in a file.
struct FileAccessLogInputs: Hashable, Sendable {
  /// The file.
  var path: String
  /// How a line is written.
  var format: AccessLogFormat
  /// Whether values that are not known are left out rather than written as `-`.
  var omitsEmptyValues = false

  fileprivate func make(in arena: Arena) -> Envoy.AccessLog {
    let file = Envoy.FileAccessLog(arena) {
      $0.path = path
      $0.logFormat = format.make(omittingEmptyValues: omitsEmptyValues, in: arena)
    }
    return .typed(arena, "envoy.access_loggers.file", file)
  }
}

/// A log at a service that speaks Envoy's access log protocol.
struct GRPCAccessLog: Hashable, Sendable {
  private var logName: String
  private var cluster: ProviderCluster
  private var filterState: [String]
  private var requestHeaders: [String] = []
  private var responseHeaders: [String] = []
  private var responseTrailers: [String] = []

  /// What Istio's metadata exchange leaves of both sides.
  private static let peers = ["upstream_peer", "downstream_peer"]
  /// The same with the names that it had once.
  fileprivate static let allPeers =
    peers + [
      "wasm.upstream_peer", "wasm.upstream_peer_id", "wasm.downstream_peer",
      "wasm.downstream_peer_id",
    ]

  init(
    _ als: Istio.Mesh.MeshConfig.ExtensionProvider.EnvoyHttpGrpcV3LogProvider,
    cluster: ProviderCluster
  ) {
    logName = als.logName.isEmpty ? "http_envoy_accesslog" : als.logName
    self.cluster = cluster
    filterState = als.filterStateObjectsToLog.isEmpty ? Self.peers : als.filterStateObjectsToLog
    requestHeaders = als.additionalRequestHeadersToLog
    responseHeaders = als.additionalResponseHeadersToLog
    responseTrailers = als.additionalResponseTrailersToLog
  }

  init(
    _ als: Istio.Mesh.MeshConfig.ExtensionProvider.EnvoyTcpGrpcV3LogProvider,
    cluster: ProviderCluster
  ) {
    logName = als.logName.isEmpty ? "tcp_envoy_accesslog" : als.logName
    self.cluster = cluster
    filterState = als.filterStateObjectsToLog.isEmpty ? Self.peers : als.filterStateObjectsToLog
  }

  private init(bootstrapLog name: String) {
    logName = name
    cluster = ProviderCluster(host: "", name: "envoy_accesslog_service")
    filterState = Self.allPeers
  }

  /// The service that the proxy's bootstrap has a cluster for
  /// (`MeshConfig.enableEnvoyAccessLogService`).
  fileprivate static func bootstrap(at place: AccessLogging.Place) -> GRPCAccessLog {
    switch place {
    case .requests: GRPCAccessLog(bootstrapLog: "http_envoy_accesslog")
    case .connections: GRPCAccessLog(bootstrapLog: "tcp_envoy_accesslog")
    case .listener: GRPCAccessLog(bootstrapLog: "listener_envoy_accesslog")
    }
  }

  fileprivate func make(isHTTP: Bool, _ arena: Arena) -> Envoy.AccessLog {
    let common = Envoy.CommonGrpcAccessLogConfig.make(
      arena, logName: logName, cluster: cluster, filterState: filterState)
    guard isHTTP else {
      let config = Envoy.TcpGrpcAccessLogConfig(arena) { $0.commonConfig = common }
      return .typed(arena, "envoy.tcp_grpc_access_log", config)
    }
    let config = Envoy.HttpGrpcAccessLogConfig(arena) {
      $0.commonConfig = common
      $0.additionalRequestHeadersToLog = .init(requestHeaders)
      $0.additionalResponseHeadersToLog = .init(responseHeaders)
      $0.additionalResponseTrailersToLog = .init(responseTrailers)
    }
    return .typed(arena, "envoy.access_loggers.http_grpc", config)
  }
}

/// A log at a service that speaks OpenTelemetry's protocol.
struct OpenTelemetryAccessLog: Hashable, Sendable {
  private var logName: String
  private var cluster: ProviderCluster
  private var text: String
  private var labels: JSONObject

  init(
    _ otel: Istio.Mesh.MeshConfig.ExtensionProvider.EnvoyOpenTelemetryLogProvider,
    cluster: ProviderCluster
  ) {
    logName = otel.logName.isEmpty ? "otel_envoy_accesslog" : otel.logName
    self.cluster = cluster
    let text = otel.logFormat?.text ?? ""
    self.text = text.isEmpty ? AccessLogFormat.istioText : text
    labels = otel.logFormat?.labels?.object ?? JSONObject()
  }

  fileprivate func make(in arena: Arena) -> Envoy.AccessLog {
    let config = Envoy.OpenTelemetryAccessLogConfig(arena) { config in
      config.commonConfig = .make(
        arena, logName: logName, cluster: cluster, filterState: GRPCAccessLog.allPeers)
      config.disableBuiltinLabels = true
      config.body = Envoy.OTelAnyValue(arena) { $0.stringValue = text }
      config.formatters = .init(formatters(in: arena))
      guard !labels.isEmpty else { return }
      config.attributes = Envoy.OTelKeyValueList(arena) { list in
        for member in labels.members.sorted(by: { $0.key < $1.key }) {
          list.values.append(
            Envoy.OTelKeyValue(arena) {
              $0.key = member.key
              $0.value = Envoy.OTelAnyValue(arena) { $0.stringValue = member.value.string ?? "" }
            })
        }
      }
    }
    return .typed(arena, "envoy.access_loggers.open_telemetry", config)
  }

  private func formatters(in arena: Arena) -> [Envoy.TypedExtensionConfig] {
    let needed = AccessLogFormat.text(text).formatters(in: arena)
    return needed.isEmpty ? AccessLogFormat.json(labels).formatters(in: arena) : needed
  }
}

extension Envoy.CommonGrpcAccessLogConfig {
  fileprivate static func make(
    _ arena: Arena, logName: String, cluster: ProviderCluster, filterState: [String]
  ) -> Envoy.CommonGrpcAccessLogConfig {
    Envoy.CommonGrpcAccessLogConfig(arena) {
      $0.logName = logName
      $0.grpcService = cluster.grpcService(in: arena)
      $0.transportApiVersion = .v3
      $0.filterStateObjectsToLog = .init(filterState)
    }
  }
}

extension Envoy.AccessLog {
  fileprivate static func typed(
    _ arena: Arena, _ name: String, _ config: some ProtobufMessage
  ) -> Envoy.AccessLog {
    Envoy.AccessLog(arena) {
      $0.name = name
      $0.typedConfig = .pack(config)
    }
  }
}
