// SPDX-License-Identifier: Apache-2.0

import Authentication
import CertificateAuthority
import Configuration
import Cryptography
import GRPC
import KubernetesClient
import KubernetesIdentity
import Lifecycle
import Logging
import MeshModel
import StateDirectory
import Synchronization

/// Who is who: the authority, the certificate of the TLS port, and what callers are believed.
///
/// As a service it keeps all of it fresh.
final class MeshIdentity: Service {
  private struct State {
    var serving: ServingCertificate
    var problems: [String: String] = [:]
  }

  /// The authority that signs.
  let authority: CertificateAuthority
  /// The identity of the TLS port.
  let provider: TLSIdentityProvider
  /// How callers on the TLS port prove who they are.
  let callers: AuthenticatorChain
  /// Who was given which certificate.
  let ledger = IssuanceLedger()
  /// What keeps the authority; nil where it is plugged in.
  var keeper: AuthorityKeeper? { source.keeper }
  private let source: AuthoritySource
  private let state: Mutex<State>
  private let metrics: CertificateMetrics
  private let log: Logger
  private let ready = AsyncStream.makeStream(of: Void.self)

  /// How often files and dates are looked at.
  private static let interval = Duration.seconds(1)

  /// Finds out where all is that the options ask for.
  ///
  /// - Parameters:
  ///   - clusters: Leads to the API servers of the own cluster and of others; nil outside of clusters.
  ///   - settings: The mesh's settings as they are now.
  init(
    _ options: IdentityOptions, clusters: ReviewingClusters?,
    settings: @escaping @Sendable () -> MeshSettings,
    metrics: CertificateMetrics, logs: LogSystem
  ) throws {
    let log = logs.scope("pkica", "Citadel CA log")
    let now = { @Sendable in Int64(WallClock.now()) }
    let directory = try options.stateDirectory.map { path throws(FileError) in
      try StateDirectory(path)
    }
    authority = CertificateAuthority(nil, policy: options.issuing, now: now)
    source = AuthoritySource(
      options, trustDomain: settings().mesh.trustDomain, client: clusters?.own, state: directory,
      authority: authority, log: log)
    provider = TLSIdentityProvider(clientCertificate: .optional)
    callers = try MeshIdentity.callers(
      options, clusters: clusters, directory, settings: settings, log: log)
    state = Mutex(State(serving: ServingCertificate(authority, options)))
    self.metrics = metrics
    self.log = log
  }

  /// The roots that workloads are to trust; nil where the settings name one that is none, or the
  /// authority is not known yet.
  func trustBundle(_ settings: MeshSettings) -> [String]? {
    guard let signer = authority.current else { return nil }
    let stored = keeper?.current
    let tellsOwn = stored.map { $0.rotation != nil || $0.rotationCount > 0 } ?? false
    do throws(AuthorityError) {
      let roots = try TrustBundle.merged(signer, settings, tellsOwn: tellsOwn)
      report("bundle", nil)
      return roots
    } catch {
      report("bundle", "the roots that workloads trust stay as they were: \(error)")
      return nil
    }
  }

  /// Waits until there is an authority, and a certificate of the TLS port.
  func waitUntilReady() async { for await _ in ready.stream {} }

  /// Waits until what is served, if anything is, has the roots that workloads are to trust, so that nobody
  /// is told first that there are none; after some seconds nobody waits.
  func waitUntilServed(by snapshot: @Sendable () -> MeshSnapshot?) async {
    let end = ContinuousClock.now + .seconds(5)
    while let settings = snapshot()?.settings, let roots = trustBundle(settings),
      roots != settings.trustBundle, ContinuousClock.now < end
    {
      guard (try? await ContinuousClock().sleep(for: .milliseconds(20))) != nil else { return }
    }
  }

  /// Opens the authority, but for one that an API server keeps: that may come later, and the TLS port
  /// waits for it.
  func start() async throws {
    guard !source.mayComeLater else { return }
    _ = try await source.refresh(now: Int64(WallClock.now()))
    metrics.show(authority.current)
    try renewServing()
  }

  func run(until shutdown: ShutdownSignal) async throws {
    let (ticks, sender) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    shutdown.onRequest { sender.finish() }
    await withDiscardingTaskGroup { group in
      group.addTask {
        while (try? await ContinuousClock().sleep(for: MeshIdentity.interval)) != nil {
          sender.yield()
        }
      }
      await refresh()
      for await _ in ticks { await refresh() }
      group.cancelAll()
    }
    ready.continuation.finish()
  }

  /// Takes over what has changed, and renews what is half over.
  private func refresh() async {
    do throws(AuthorityError) {
      if let isNew = try await source.refresh(now: Int64(WallClock.now())) {
        report("authority", nil)
        if isNew {
          metrics.show(authority.current)
          log.info("the signing authority is now what \(source.place) holds")
        }
      }
    } catch {
      report("authority", "the authority stays as it was: \(error)")
      if source.restore() {
        log.warn("signing by the authority's copy in the state directory: \(source.place) is away")
      }
    }
    do {
      try renewServing()
      report("serving", nil)
    } catch {
      report("serving", "the certificate of the TLS port stays as it was: \(error)")
    }
  }

  private func renewServing() throws {
    let now = Int64(WallClock.now())
    let identity = try state.withLock { state throws in
      guard authority.current != nil else { return TLSIdentity?.none }
      return try state.serving.refresh(now: now)
    }
    guard let identity else { return }
    provider.update(identity)
    ready.continuation.finish()
    log.info("the TLS port has a new certificate")
  }

  /// Logs a problem once, until it is another or none.
  private func report(_ what: String, _ problem: String?) {
    let isNew = state.withLock { state in
      defer { state.problems[what] = problem }
      return state.problems[what] != problem
    }
    if isNew, let problem { log.error(problem) }
  }
}
