// SPDX-License-Identifier: Apache-2.0

import Configuration
import DiscoveryProtocol
import DiscoveryServer
import KubernetesSource
import Lifecycle
import Logging
import MeshModel
import Metrics
import NameResolution
import ServiceDiscovery

/// The way from a source to streams: one task reads changes, writes the store, and pushes snapshots.
final class ConfigurationPipeline: Service {
  private enum Event: Sendable {
    case source
    case trustBundle([String])
    case name(String, NameAnswer)
    case tick
  }

  private let options: ControlPlaneOptions
  private let store: ConfigStore
  private let server: DiscoveryServer
  private let metrics: IstiodMetrics
  private let log: Logger
  private let source: any ConfigurationSource
  private let trustBundle: @Sendable (MeshSettings) -> [String]?

  /// A pipeline from a source to a server.
  ///
  /// - Parameter trustBundle: The roots that workloads are to trust as they are now; nil to leave
  ///   them.
  init(
    _ options: ControlPlaneOptions, source: any ConfigurationSource, store: ConfigStore,
    server: DiscoveryServer, trustBundle: @escaping @Sendable (MeshSettings) -> [String]?,
    metrics: IstiodMetrics, log: Logger
  ) {
    self.options = options
    self.store = store
    self.server = server
    self.source = source
    self.trustBundle = trustBundle
    self.metrics = metrics
    self.log = log
  }

  func start() async throws { try source.start() }

  func run(until shutdown: ShutdownSignal) async throws {
    let (events, sender) = AsyncStream.makeStream(of: Event.self)
    shutdown.onRequest { sender.finish() }
    await withDiscardingTaskGroup { group in
      group.addTask { await self.source.run { sender.yield(.source) } }
      group.addTask { await self.watchRoots(sender) }
      var state = PipelineState(options)
      for await event in events {
        take(event, &state)
        for name in state.gatewayNames.takeQuestions() {
          let resolver = options.gatewayNames.resolver
          group.addTask { sender.yield(.name(name, await resolver.resolve(name))) }
        }
        guard let deadline = state.nextTimer() else { continue }
        group.addTask {
          try? await ContinuousClock().sleep(until: deadline)
          sender.yield(.tick)
        }
      }
      group.cancelAll()
    }
  }

  /// Looks at the mesh's roots once a second.
  private func watchRoots(_ sender: AsyncStream<Event>.Continuation) async {
    while (try? await ContinuousClock().sleep(for: .seconds(1))) != nil {
      if let roots = newRoots { sender.yield(.trustBundle(roots)) }
    }
  }

  /// The mesh's roots, where they are known and others than before.
  private var newRoots: [String]? {
    let settings = store.settings
    return trustBundle(settings).flatMap { $0 == settings.trustBundle ? nil : $0 }
  }

  // MARK: The one writer

  private func take(_ event: Event, _ state: inout PipelineState) {
    switch event {
    case .tick:
      push(state.scheduler.tick(at: state.now), &state)
      state.gatewayNames.refresh(at: state.now)
      pushHeld(&state)
    case .source:
      while let delivery = source.take() {
        take(delivery, &state)
        source.select(store.selectedNamespaces)
      }
    case .trustBundle(let roots): changed(timed { store.set(trustBundle: roots) }, &state)
    case .name(let name, let answer):
      if answer.addresses?.isEmpty != false {
        log.warn("the name \(name) of a network gateway cannot be resolved")
      }
      if state.gatewayNames.take(answer, for: name, at: state.now) {
        let addresses = state.gatewayNames.addresses
        changed(timed { store.set(gatewayAddresses: addresses) }, &state)
      }
      pushHeld(&state)
    }
  }

  private func take(_ delivery: SourceDelivery, _ state: inout PipelineState) {
    if let reading = delivery.mesh {
      report(reading.problems)
      changed(timed { store.apply(reading, at: WallClock.now()) }, &state)
    }
    // What is served first has the roots already.
    if server.snapshot == nil, let roots = newRoots {
      changed(timed { store.set(trustBundle: roots) }, &state)
    }
    for remote in delivery.remotes {
      if let problems = remote.problems {
        report(store.set(remoteProblems: problems, of: remote.cluster, at: WallClock.now()))
      }
      let reading = remote.mesh.map { MeshReading(of: remote.cluster, $0) }
      report(reading?.problems ?? [])
      let trustDomain = reading?.mesh.map { RemoteChange.trustDomain($0.trustDomain) }
      for change in [remote.change, trustDomain].compactMap(\.self) {
        changed(timed { store.apply(change, of: remote.cluster) }, &state)
      }
    }
    if let transaction = delivery.transaction {
      report(transaction, &state)
      changed(timed { store.apply(transaction, at: WallClock.now()) }, &state)
    }
  }

  private func timed(
    _ body: () -> (change: StoreChange, snapshot: MeshSnapshot?)
  ) -> (change: StoreChange, snapshot: MeshSnapshot?) {
    let began = ContinuousClock.now
    let result = body()
    if !result.change.isEmpty {
      metrics.push.snapshotTime.observe(ContinuousClock.now - began)
    }
    return result
  }

  private func changed(
    _ result: (change: StoreChange, snapshot: MeshSnapshot?), _ state: inout PipelineState
  ) {
    guard !result.change.isEmpty, let snapshot = result.snapshot else { return }
    state.note(result.change)
    count(result.change, snapshot)
    if options.gatewayNames.areResolved {
      state.gatewayNames.follow(snapshot.writtenGateways.names, at: state.now)
    }
    // What is served first is whole: networks are reached through their gateways from the start.
    guard !state.gatewayNames.holdsFirstPush(at: state.now) else {
      return state.scheduler.hold(snapshot)
    }
    push(state.scheduler.take(result.change, snapshot, at: state.now), &state)
  }

  /// Pushes what waited for names to be resolved.
  private func pushHeld(_ state: inout PipelineState) {
    guard state.gatewayNames.releasesFirstPush(at: state.now) else { return }
    push(state.scheduler.release(at: state.now), &state)
  }

  private func push(_ pushes: [PushScheduler.Push], _ state: inout PipelineState) {
    for due in pushes {
      announce(due.push, due.snapshot, &state)
      server.push(
        due.snapshot, scope: due.push.scope, origin: state.instant(due.push.origin),
        changes: due.push.changes)
    }
  }

  // MARK: What operators see

  private func announce(
    _ push: PushDebouncer.Push, _ snapshot: MeshSnapshot, _ state: inout PipelineState
  ) {
    let waited = state.now - push.origin
    metrics.push.debounceTime.observe(waited)
    metrics.push.triggers.increment([push.scope.configuration ? "config" : "endpoint"])
    let number = state.beginPush()
    log.info(
      "Push debounce stable[\(number)] \(push.changes) for config \(state.takeSummary()): "
        + "\(milliseconds(waited)) since first change, forced=\(push.scope.configuration)")
    log.info(
      "XDS: Pushing Services:\(snapshot.registry.services.count) "
        + "ConnectedEndpoints:\(server.connectionCount) Version:\(snapshot.generation)")
  }

  private func count(_ change: StoreChange, _ snapshot: MeshSnapshot) {
    metrics.configuration.services.set(Double(snapshot.registry.services.count))
    metrics.configuration.virtualServices.set(
      Double(snapshot.config.virtualServices.all.count))
    for (key, event) in zip(change.keys, change.events) {
      let events =
        key.kind.group.hasSuffix("istio.io")
        ? metrics.sources.configurationEvents : metrics.sources.registryEvents
      events.increment([key.kind.kind, event.rawValue])
    }
    if change.configuration { metrics.push.inboundUpdates.increment(["config"]) }
    if !change.endpoints.isEmpty {
      metrics.push.inboundUpdates.increment(["eds"], by: Double(change.endpoints.count))
    }
  }

  private func report(_ transaction: SourceTransaction, _ state: inout PipelineState) {
    let fresh = transaction.problems.filter { !state.problems.contains($0) }
    state.problems = Set(transaction.problems)
    report(transaction.upserts.flatMap(\.diagnostics) + fresh)
  }

  private func report(_ diagnostics: [StoredDiagnostic]) {
    for diagnostic in diagnostics {
      let isRejected = diagnostic.effect == .rejected
      log.log(isRejected ? .error : .warn, "\(isRejected ? "not used: " : "")\(diagnostic)")
      guard isRejected else { continue }
      let name = diagnostic.key.map { "\($0.namespace)/\($0.name)" } ?? diagnostic.origin.file
      metrics.configuration.rejected.increment([diagnostic.key?.kind.kind ?? "file", name])
    }
  }
}

/// What the pipeline's task keeps between events.
private struct PipelineState {
  var scheduler: PushScheduler
  var gatewayNames: GatewayNames
  var problems: Set<StoredDiagnostic> = []
  private let start = ContinuousClock.now
  private var timer: Duration?
  private var pushCount = 0
  private var summary = ""
  private var summarised = 0

  init(_ options: ControlPlaneOptions) {
    scheduler = PushScheduler(windows: options.debounce)
    gatewayNames = GatewayNames(options.gatewayNames.lifetimes)
  }

  var now: Duration { ContinuousClock.now - start }

  func instant(_ time: Duration) -> ContinuousClock.Instant { start + time }

  /// The time to come back at, if no timer is set for it.
  mutating func nextTimer() -> ContinuousClock.Instant? {
    let next = [scheduler.nextDeadline, gatewayNames.nextDeadline].compactMap(\.self).min()
    defer { timer = next }
    return next == timer ? nil : next.map(instant)
  }

  mutating func note(_ change: StoreChange) {
    if summarised == 0 { summary = change.summary }
    summarised += 1
  }

  mutating func beginPush() -> Int {
    pushCount += 1
    return pushCount
  }

  /// What the changes since the last push were about.
  mutating func takeSummary() -> String {
    defer { summarised = 0 }
    return summarised > 1 ? "\(summary) and \(summarised - 1) more changes" : summary
  }
}

/// A duration as log lines write it, such as `12.3ms`.
private func milliseconds(_ duration: Duration) -> String {
  let tenths = Int((duration / .milliseconds(1) * 10).rounded())
  return "\(tenths / 10).\(tenths % 10)ms"
}
