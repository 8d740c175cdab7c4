// SPDX-License-Identifier: Apache-2.0

import DiscoveryProtocol
import DiscoveryServer
import Flags
import GRPC
import Glibc
import Introspection
import KubernetesClient
import Logging
import MeshModel

/// What flags and environment ask for.
struct ControlPlaneOptions: Sendable {
  var configDirectory: String
  var kubeconfig: String
  /// Whether programs that the kubeconfig names are run for credentials.
  var runsCredentialPrograms: Bool
  /// The API server of the cluster that the process runs in; nil outside of clusters.
  var inCluster: ClusterConfiguration?
  var kubernetesQPS: Double
  var kubernetesBurst: Double
  /// The namespace that the control plane runs in.
  var namespace: String
  /// The namespace of the Secrets that name other clusters.
  var remoteSecretsNamespace: String
  /// The only namespace to read (`ISTIO_WATCH_NAMESPACE`); empty for all.
  var watchNamespace: String
  /// The ConfigMap beneath that of the revision (`SHARED_MESH_CONFIG`); empty for none.
  var sharedMeshConfig: String
  var meshConfigFile: String
  var networksFile: String
  var settings: MeshSettings
  var grpcAddress: String
  var httpAddress: String
  var monitoringAddress: String
  var shutdownDuration: Duration
  var debounce: PushDebouncer.Windows
  var cacheCapacity: Int
  var gatewayNames: GatewayNameOptions
  /// How often what proxies acknowledged is compared with what they should have; nil for never.
  var auditInterval: Duration?
  /// How long a client may take to read a response; nil for ever.
  var writeTimeout: Duration?
  /// How long a client may take for the first request of a stream; nil for ever.
  var firstRequestTimeout: Duration?
  /// How many streams one proxy may have.
  var streamsPerProxy: Int
  var grpc: GRPCServerConfiguration
  var logs: LogOptions
  var identity: IdentityOptions
  /// Who may ask over xDS how the mesh is.
  var debugPolicy: DebugAnswers.Policy
  /// The control plane's own name.
  var podName: String

  init(_ line: FlagValues, environment: [String: String]) throws(FlagError) {
    identity = try IdentityOptions(line, environment)
    configDirectory = line["configDir"]
    kubeconfig = line["kubeconfig"]
    if kubeconfig.isEmpty {
      // As for kubectl a list of files, of which those that are not there do not count.
      let files = (environment["KUBECONFIG"] ?? "").split(separator: ":").map(String.init)
      kubeconfig = files.first { access($0, R_OK) == 0 } ?? ""
    }
    runsCredentialPrograms = line.isTrue("kubeconfigExec")
    inCluster = ClusterConfiguration.inCluster(environment)
    kubernetesQPS = Double(line["kubernetesApiQPS"]) ?? 80
    kubernetesBurst = Double(line["kubernetesApiBurst"]) ?? 160
    namespace = line["namespace"]
    remoteSecretsNamespace =
      line.given.contains("clusterRegistriesNamespace")
      ? line["clusterRegistriesNamespace"] : namespace
    watchNamespace = environment["ISTIO_WATCH_NAMESPACE"] ?? ""
    sharedMeshConfig = environment["SHARED_MESH_CONFIG"] ?? ""
    meshConfigFile = line["meshConfig"]
    networksFile = line["networksConfig"]
    grpcAddress = line["grpcAddr"]
    httpAddress = line["httpAddr"]
    monitoringAddress = line["monitoringAddr"]
    shutdownDuration = line.duration("shutdownDuration") ?? .seconds(10)
    podName = environment["POD_NAME"] ?? "navarchd"
    cacheCapacity = environment["PILOT_XDS_CACHE_SIZE"].flatMap(Int.init) ?? 60_000
    let interval = environment["NAVARCH_AUDIT_INTERVAL"].flatMap(GoDuration.parse) ?? .seconds(600)
    auditInterval = interval > .zero ? interval : nil
    let writes = environment["PILOT_XDS_SEND_TIMEOUT"].flatMap(GoDuration.parse) ?? .seconds(300)
    writeTimeout = writes > .zero ? writes : nil
    let first =
      environment["NAVARCH_FIRST_REQUEST_TIMEOUT"].flatMap(GoDuration.parse) ?? .seconds(60)
    firstRequestTimeout = first > .zero ? first : nil
    streamsPerProxy = environment["NAVARCH_STREAMS_PER_PROXY"].flatMap(Int.init) ?? 100
    settings = MeshSettings()
    settings.clusterDomain = line["domain"]
    settings.cluster = line["clusterID"]
    settings.revision = environment["REVISION"].flatMap { $0.isEmpty ? nil : $0 } ?? "default"
    settings.features = environment.filter { variable in
      ControlPlaneOptions.featurePrefixes.contains { variable.key.hasPrefix($0) }
    }
    settings.readsAllocatedAddresses =
      configDirectory.isEmpty && settings.feature("PILOT_ENABLE_IP_AUTOALLOCATE", default: true)
    debugPolicy = DebugAnswers.Policy(systemNamespace: namespace)
    debugPolicy.asksCallers = settings.feature("ENABLE_DEBUG_ENDPOINT_AUTH", default: true)
    let trusted = environment["DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES"] ?? ""
    debugPolicy.trustedNamespaces = Set(trusted.split(separator: ",").map(String.init))
    gatewayNames = GatewayNameOptions(environment, settings)
    debounce = ControlPlaneOptions.debounce(environment)
    grpc = ControlPlaneOptions.grpc(line, environment)
    logs = LogOptions()
    logs.format = line.isTrue("log_as_json") ? .json : .console
    logs.outputLevel = line["log_output_level"]
    logs.stackTraceLevel = line["log_stacktrace_level"]
    logs.caller = line["log_caller"]
    logs.targets = line["log_target"].split(separator: ",").map(String.init)
  }

  /// Sets what clients may take of a server, and what it takes of the machine.
  func limitClients(of serving: inout DiscoveryServerConfiguration) {
    serving.writeTimeout = writeTimeout
    serving.firstRequestTimeout = firstRequestTimeout
    serving.streamLimits.proxy = streamsPerProxy
    serving.places = sysconf(Int32(_SC_NPROCESSORS_ONLN))
  }

  /// The variables that shape configuration begin with one of these; `ISTIO_META_` is an agent's.
  private static let featurePrefixes = [
    "PILOT_", "ISTIO_DUAL", "ISTIO_ENABLE_", "ISTIO_MULTIROOT", "ISTIO_DELTA", "ENABLE_",
    "DISABLE_", "PREFER_", "RESOLVE_", "LABEL_CANONICAL", "HTTP_STRIP_", "PEER_METADATA",
    "EXTERNAL_ISTIOD", "MAX_CONNECTIONS_PER", "DNS_", "TRUSTED_GATEWAY_CIDR",
    "METRICS_LOCALHOST_ACCESS_ONLY", "UNSAFE_",
  ]

  private static func debounce(_ environment: [String: String]) -> PushDebouncer.Windows {
    let duration = { (name: String) in environment[name].flatMap(GoDuration.parse) }
    return PushDebouncer.Windows(
      quiet: duration("PILOT_DEBOUNCE_AFTER") ?? .milliseconds(100),
      maximum: duration("PILOT_DEBOUNCE_MAX") ?? .seconds(10))
  }

  private static func grpc(
    _ line: FlagValues, _ environment: [String: String]
  ) -> GRPCServerConfiguration {
    var configuration = GRPCServerConfiguration()
    configuration.keepaliveInterval = line.duration("keepaliveInterval")
    configuration.keepaliveTimeout = line.duration("keepaliveTimeout") ?? .seconds(10)
    // An age beyond a year is Go's way to say never.
    if let age = line.duration("keepaliveMaxServerConnectionAge"), age < .seconds(31_536_000) {
      configuration.maxConnectionAge = age
    }
    if let size = environment["ISTIO_GPRC_MAXRECVMSGSIZE"].flatMap(Int.init), size > 0 {
      configuration.maxReceiveMessageSize = size
    }
    if let count = environment["ISTIO_GPRC_MAXSTREAMS"].flatMap(Int.init), count > 0 {
      configuration.maxConcurrentStreams = count
    }
    return configuration
  }
}
