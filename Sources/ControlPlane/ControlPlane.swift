// SPDX-License-Identifier: Apache-2.0

import ConfigTranslation
import DiscoveryServer
import Introspection
import Lifecycle
import Logging
import MeshModel
import Metrics

/// The composition root: joins the rooms, and knows nothing that they know.
struct ControlPlane {
  private let options: ControlPlaneOptions
  private let log: Logger
  private let members: [(name: String, service: any Service)]

  /// A control plane of these options, which does not listen yet.
  init(_ options: ControlPlaneOptions, logs: LogSystem) throws {
    self.options = options
    log = logs.scope()
    guard !options.configDirectory.isEmpty else {
      throw FlagError("No --configDir is given: this version reads a directory of YAML only.")
    }
    let registry = MetricsRegistry()
    let metrics = ControlPlane.metrics(registry)
    let (store, meshFiles) = try ControlPlane.store(options)
    let translator = Translator(cacheCapacity: options.cacheCapacity)
    var serving = DiscoveryServerConfiguration(
      controlPlane: ControlPlane.identifier(options), wallClock: WallClock.now,
      view: { snapshot, node in
        let view = translator.view(snapshot, node)
        metrics.sources.countIfUntargeted(view.context)
        return view
      })
    serving.auditInterval = options.auditInterval
    let discovery = DiscoveryServer(serving, metrics: metrics, log: logs)
    let grpc = try GRPCService(options, discovery: discovery, log: log)
    let status = PushStatusReader(discovery: discovery, translator: translator)
    status.register(with: registry)
    if options.settings.feature("PILOT_XDS_CACHE_STATS", default: false) {
      translator.register(with: registry)
    }
    var sources = IntrospectionSources(
      store: store, discovery: discovery, translator: translator, name: options.podName,
      isServing: { grpc.isServing })
    sources.servedVersion = { store.servedVersion(of: $0) }
    sources.pushStatus = { status.read() }
    let router = Pages.router(sources, metrics: registry)
    let pipeline = ConfigurationPipeline(
      options, store: store, server: discovery, meshFiles: meshFiles, metrics: metrics,
      log: logs.scope("ads"))
    members = [
      (
        "http",
        try HTTPService(
          "readiness and debug pages", at: options.httpAddress, router: router, log: log)
      ),
      (
        "monitoring",
        try HTTPService(
          "metrics and version", at: options.monitoringAddress, router: router, log: log)
      ),
      ("grpc", grpc), ("configuration", pipeline),
    ]
  }

  /// Runs until a signal asks it to end.
  func run(signals: AsyncStream<ProcessSignal>) async throws {
    try await ServiceGroup(
      members, shutdownDuration: options.shutdownDuration, signals: signals, logger: log
    ).run()
  }

  private static func metrics(_ registry: MetricsRegistry) -> IstiodMetrics {
    let started = ContinuousClock.now
    let metrics = IstiodMetrics(registry)
    metrics.setVersion(tag: Version.number, version: Version.number)
    IstiodMetrics.addUptime(to: registry) { (ContinuousClock.now - started) / .seconds(1) }
    registry.addProcessMetrics()
    return metrics
  }

  /// The store, set as the mesh's files say; broken ones are an error at the start only.
  private static func store(
    _ options: ControlPlaneOptions
  ) throws -> (ConfigStore, MeshFiles) {
    var files = MeshFiles(mesh: options.meshConfigFile, networks: options.networksFile)
    let store = ConfigStore(settings: options.settings)
    if let reading = files.readIfChanged() {
      if let problem = reading.problems.first(where: { $0.effect == .rejected }) {
        throw FlagError("The mesh's configuration cannot be used: \(problem).")
      }
      _ = store.apply(reading, at: WallClock.now())
    }
    return (store, files)
  }

  /// What responses say of the control plane, as istiod's JSON.
  private static func identifier(_ options: ControlPlaneOptions) -> String {
    "{\"Component\":\"istiod\",\"ID\":\"\(options.podName)\","
      + "\"Info\":{\"version\":\"\(Version.number)\"}}"
  }
}

extension IntrospectionSources {
  init(
    store: ConfigStore, discovery: DiscoveryServer, translator: Translator, name: String,
    isServing: @escaping @Sendable () -> Bool
  ) {
    let view = { @Sendable (proxyID: String) -> ProxyView? in
      guard let snapshot = discovery.snapshot else { return nil }
      let connection = discovery.connections().last {
        [$0.id, $0.node.id, $0.node.shortID].contains(proxyID)
      }
      return connection.map { translator.view(snapshot, $0.node) }
    }
    self.init(
      snapshot: { discovery.snapshot }, connections: { discovery.connections() },
      view: { view($0)?.context }, resources: { view($0) },
      diagnostics: { store.diagnostics }, pushes: { discovery.pushes },
      refusals: { discovery.refusals },
      isReady: {
        var missing: [String] = []
        if discovery.snapshot == nil { missing.append("The configuration is not read yet.") }
        if !isServing() { missing.append("The gRPC port does not answer yet.") }
        return missing
      }, identity: name, version: Version.long)
    clockStart = discovery.clockStart
  }
}
