// SPDX-License-Identifier: Apache-2.0

import Authentication
import CertificateAuthority
import ConfigTranslation
import Configuration
import DiscoveryServer
import Flags
import GRPC
import HTTPServer
import Introspection
import KubernetesClient
import KubernetesIdentity
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
    let registry = MetricsRegistry()
    let metrics = ControlPlane.metrics(registry)
    let cluster = options.configDirectory.isEmpty ? try ClusterConnection(options) : nil
    let findings = FindingsReader()
    let (store, source) = try ControlPlane.store(options, cluster, metrics, log)
    let translator = Translator(cacheCapacity: options.cacheCapacity) {
      metrics.xds.certificateErrors.increment()
    }
    let client = cluster?.client
    let serving = ControlPlane.serving(options, store, translator, metrics, client)
    let discovery = DiscoveryServer(serving, metrics: metrics, log: logs)
    let grpc = try GRPCService(
      options, at: options.grpcAddress, methods: discovery.methods(), discovery: discovery, log: log
    )
    let reviewing = client.map { client in
      ReviewingClusters(own: client) { source.client(ofRemote: $0) }
    }
    let secure = try ControlPlane.secure(
      options, reviewing, discovery, settings: store.settings, registry, logs: logs)
    let status = PushStatusReader(discovery: discovery, translator: translator)
    status.register(with: registry)
    if options.settings.feature("PILOT_XDS_CACHE_STATS", default: false) {
      translator.register(with: registry)
    }
    var sources = IntrospectionSources(
      store: store, discovery: discovery, translator: translator, name: options.podName,
      source: source, isServing: { grpc.isServing && secure?.port.isServing != false })
    sources.servedVersion = { store.servedVersion(of: $0) }
    sources.pushStatus = { status.read() }
    sources.findings = { discovery.snapshot.map(findings.read) ?? [] }
    sources.origin = { store.origin(of: $0) }
    sources.logs = logs
    let clusters = ManagedClusters(source, own: options.settings.cluster)
    sources.clusters = clusters.shown(in: registry)
    let answers = DebugAnswers(sources, options.debugPolicy)
    discovery.answerQuestions { question throws(DebugRefusal) in try answers.answer(question) }
    let rotation = secure.map {
      RotationPage(
        $0.identity, sources, options.identity, streams: { discovery.proxies() },
        log: logs.scope("pkica"))
    }
    let router = Pages.router(
      sources, clusters: clusters, metrics: registry,
      access: ControlPlane.access(options, secure?.identity.callers, discovery, store),
      rotation: rotation)
    let pipeline = ConfigurationPipeline(
      options, source: source, store: store, server: discovery,
      trustBundle: { settings in secure?.identity.trustBundle(settings) }, metrics: metrics,
      log: logs.scope("ads"))
    var members = try ControlPlane.pages(options, router, log)
    // What the authority's roots are is known before the first snapshot is made.
    if let secure { members.append(("identity", secure.identity)) }
    members += [("grpc", grpc), ("configuration", pipeline)]
    if let secure { members.append(("secure grpc", secure.port)) }
    if let rotation { members.append(("rotation", rotation)) }
    if let cluster {
      let authority = options.identity.servesCertificates ? secure?.identity.authority : nil
      let writing = ClusterWriting(
        options, cluster, store: store, source: source, authority: authority, findings: findings,
        registry: registry, logs: logs)
      members.append(("cluster writers", writing))
    }
    self.members = members
  }

  /// Runs until a signal asks it to end.
  func run(signals: AsyncStream<ProcessSignal>) async throws {
    try await ServiceGroup(
      members, shutdownDuration: options.shutdownDuration, signals: signals, logger: log
    ).run()
  }

  /// The TLS port, and what keeps its certificate and its authority fresh; nil where it is off.
  private static func secure(
    _ options: ControlPlaneOptions, _ clusters: ReviewingClusters?, _ discovery: DiscoveryServer,
    settings: MeshSettings, _ registry: MetricsRegistry, logs: LogSystem
  ) throws -> (identity: MeshIdentity, port: GRPCService)? {
    guard !options.identity.secureAddress.isEmpty else { return nil }
    let metrics = CertificateMetrics(registry)
    let snapshot = { @Sendable in discovery.snapshot }
    let identity = try MeshIdentity(
      options.identity, clusters: clusters, settings: { snapshot()?.settings ?? settings },
      metrics: metrics, logs: logs)
    if options.identity.makesKeys {
      discovery.offerSecrets(
        from: .keys(signedBy: identity.authority, noting: identity.ledger))
    }
    var methods = discovery.methods(
      authenticating: options.identity.authenticatesStreams ? identity.callers : nil)
    if options.identity.servesCertificates {
      var service = CertificateService(
        identity.authority, authenticators: identity.callers, metrics: metrics, logs: logs)
      service.ledger = identity.ledger
      let accounts = options.identity.trustedNodeAccounts
      if !accounts.isEmpty {
        service.impersonation = NodeImpersonation(accounts: accounts, snapshot: snapshot)
      }
      methods += service.methods
    }
    let port = try GRPCService(
      options, at: options.identity.secureAddress, credentials: .tls(identity.provider),
      methods: methods, discovery: discovery, log: logs.scope(),
      ready: {
        await identity.waitUntilReady()
        await identity.waitUntilServed(by: snapshot)
      })
    return (identity, port)
  }

  /// How streams are served: what a proxy is shown, and what is checked of it.
  private static func serving(
    _ options: ControlPlaneOptions, _ store: ConfigStore, _ translator: Translator,
    _ metrics: IstiodMetrics, _ client: KubernetesClient?
  ) -> DiscoveryServerConfiguration {
    var serving = DiscoveryServerConfiguration(
      controlPlane: ControlPlane.identifier(options), wallClock: WallClock.now,
      view: { snapshot, node, earlier in
        let view = translator.view(snapshot, node, after: earlier as? ProxyView)
        metrics.sources.countIfUntargeted(view.context)
        return view
      })
    serving.auditInterval = options.auditInterval
    options.limitClients(of: &serving)
    serving.checksNodes = options.identity.checksNodes
    serving.origins = { translator.view($0, $1).context.origins(of: $2, $3, in: store) }
    serving.mayReadSecrets = ControlPlane.secretReaders(client)
    return serving
  }

  /// Which proxies may read secrets of their namespace; nil where there is nobody to ask.
  private static func secretReaders(
    _ client: KubernetesClient?
  ) -> (@Sendable (VerifiedIdentity) async -> Bool?)? {
    guard let client else { return nil }
    let reviews = SecretAccessReviews(client) { Int64(WallClock.now()) }
    return {
      await reviews.mayRead(namespace: $0.namespace, serviceAccount: $0.serviceAccount)
    }
  }

  /// The two HTTP ports, which answer the same.
  private static func pages(
    _ options: ControlPlaneOptions, _ router: HTTPRouter, _ log: Logger
  ) throws -> [(name: String, service: any Service)] {
    let ports = [
      ("http", "readiness and debug pages", options.httpAddress),
      ("monitoring", "metrics and version", options.monitoringAddress),
    ]
    return try ports.map { name, purpose, address in
      (name, try HTTPService(purpose, at: address, router: router, log: log))
    }
  }

  /// Who may see which debug page; nil where there are none.
  private static func access(
    _ options: ControlPlaneOptions, _ callers: AuthenticatorChain?, _ discovery: DiscoveryServer,
    _ store: ConfigStore
  ) -> DebugAccess? {
    guard options.identity.servesDebugPages else { return nil }
    var access = DebugAccess {
      (discovery.snapshot?.settings ?? store.settings).mesh.rootNamespace
    } namespaces: { request in
      let credentials = CallerCredentials(
        from: request.peer.address, headers: { request.headers[$0] })
      return try? await callers?.authenticate(credentials).identities.map(\.namespace)
    }
    access.isByNamespace = options.debugPolicy.asksCallers
    access.allowedNamespaces = options.debugPolicy.trustedNamespaces
    return access
  }

  private static func metrics(_ registry: MetricsRegistry) -> IstiodMetrics {
    let started = ContinuousClock.now
    let metrics = IstiodMetrics(registry)
    metrics.setVersion(tag: Version.number, version: Version.number)
    IstiodMetrics.addUptime(to: registry) { (ContinuousClock.now - started) / .seconds(1) }
    registry.addProcessMetrics()
    return metrics
  }

  /// The store, set as the mesh's files say, and what fills it; broken files are an error at the
  /// start only.
  private static func store(
    _ options: ControlPlaneOptions, _ cluster: ClusterConnection?, _ metrics: IstiodMetrics,
    _ log: Logger
  ) throws -> (ConfigStore, any ConfigurationSource) {
    let files = MeshFiles(mesh: options.meshConfigFile, networks: options.networksFile)
    let store = ConfigStore(settings: options.settings)
    let reading = files.reading
    if let problem = reading.problems.first(where: { $0.effect == .rejected }) {
      throw FlagError("The mesh's configuration cannot be used: \(problem).")
    }
    _ = store.apply(reading, at: WallClock.now())
    guard let cluster else {
      return (store, DirectorySource(directory: options.configDirectory, meshFiles: files))
    }
    let source = try ClusterSource(
      options, cluster, meshFiles: files, log: log,
      metrics: metrics.sources,
      objects: { store.validObjects(ofCluster: $0) })
    return (store, source)
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
    source: any ConfigurationSource, isServing: @escaping @Sendable () -> Bool
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
        if discovery.snapshot == nil {
          missing.append("The configuration is not read yet.")
          missing += source.missing.map { "The \($0) are still to come." }
        }
        if !isServing() { missing.append("The gRPC port does not answer yet.") }
        return missing
      }, identity: name, version: Version.long)
    clockStart = discovery.clockStart
  }
}
