// SPDX-License-Identifier: Apache-2.0

import Authentication
import CertificateAuthority
import Configuration
import Cryptography
import Flags
import GRPC
import HTTPClient
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
    var source: AuthoritySource
    var serving: ServingCertificate
    var lastProblem = ""
    var lastBundleProblem = ""
  }

  /// The authority that signs.
  let authority: CertificateAuthority
  /// The identity of the TLS port.
  let provider: TLSIdentityProvider
  /// How callers on the TLS port prove who they are.
  let callers: AuthenticatorChain
  private let state: Mutex<State>
  private let metrics: CertificateMetrics
  private let log: Logger

  /// How often files and dates are looked at.
  private static let interval = Duration.seconds(1)

  /// Opens or makes what the options ask for.
  ///
  /// - Parameter settings: The mesh's settings as they are now.
  init(
    _ options: IdentityOptions, settings: @escaping @Sendable () -> MeshSettings,
    metrics: CertificateMetrics, logs: LogSystem
  ) throws {
    let log = logs.scope("pkica", "Citadel CA log")
    let now = { @Sendable in Int64(WallClock.now()) }
    let directory = try options.stateDirectory.map { path throws(FileError) in
      try StateDirectory(path)
    }
    let (source, signer) = try AuthoritySource.open(
      options, trustDomain: settings().mesh.trustDomain, state: directory, log: log)
    let authority = CertificateAuthority(signer, policy: options.issuing, now: now)
    var serving = ServingCertificate(authority, options)
    guard let identity = try serving.refresh(now: now()) else {
      throw FlagError("There is no certificate for the TLS port.")
    }
    self.authority = authority
    provider = TLSIdentityProvider(identity, clientCertificate: .optional)
    callers = AuthenticatorChain([
      ClientCertificateAuthenticator {
        let mesh = settings().mesh
        return Set([mesh.trustDomain] + mesh.trustDomainAliases)
      },
      TokenAuthenticator(
        try MeshIdentity.rules(options, directory, log: log),
        trustDomain: { settings().mesh.trustDomain }, now: now),
    ])
    state = Mutex(State(source: source, serving: serving))
    self.metrics = metrics
    self.log = log
    metrics.show(signer)
  }

  /// The roots that workloads are to trust; nil where the settings name one that is none.
  func trustBundle(_ settings: MeshSettings) -> [String]? {
    do throws(AuthorityError) {
      return try TrustBundle.merged(authority.current, settings)
    } catch {
      let problem = "the roots that workloads trust stay as they were: \(error)"
      let isNew = state.withLock { state in
        defer { state.lastBundleProblem = problem }
        return state.lastBundleProblem != problem
      }
      if isNew { log.error(problem) }
      return nil
    }
  }

  func run(until shutdown: ShutdownSignal) async throws {
    let (ticks, sender) = AsyncStream.makeStream(of: Void.self)
    shutdown.onRequest { sender.finish() }
    await withDiscardingTaskGroup { group in
      group.addTask {
        while (try? await ContinuousClock().sleep(for: MeshIdentity.interval)) != nil {
          sender.yield()
        }
      }
      for await _ in ticks { refresh() }
      group.cancelAll()
    }
  }

  /// Takes over what has changed, and renews what is half over.
  private func refresh() {
    let now = Int64(WallClock.now())
    state.withLock { state in
      let isReplaced = state.source.refresh(authority, now: now) { log.error($0) }
      if isReplaced {
        metrics.show(authority.current)
        log.info("the signing authority was replaced by what its files hold now")
      }
      do {
        guard let identity = try state.serving.refresh(now: now) else { return }
        provider.update(identity)
        state.lastProblem = ""
        log.info("the certificate of the TLS port was renewed")
      } catch {
        let problem = "the certificate of the TLS port stays as it was: \(error)"
        if problem != state.lastProblem { log.error(problem) }
        state.lastProblem = problem
      }
    }
  }

  /// The issuers whose tokens are believed: our own, where its key is kept, and those of the options.
  private static func rules(
    _ options: IdentityOptions, _ directory: StateDirectory?, log: Logger
  ) throws -> [TokenIssuerRule] {
    var rules: [TokenIssuerRule] = []
    if let directory {
      let keys = try TokenSigner(directory).keys()
      rules.append(
        TokenIssuerRule(issuer: TokenSigner.issuer, audiences: options.audiences) { keys })
    }
    for rule in options.tokenRules {
      switch rule.keys {
      case .text(let text):
        let keys = try TokenKeySet(jwks: Array(text.utf8))
        rules.append(TokenIssuerRule(issuer: rule.issuer, audiences: rule.audiences) { keys })
      case .file(let path):
        let file = TokenKeyFile(path) { log.error($0) }
        _ = file.keys
        rules.append(
          TokenIssuerRule(issuer: rule.issuer, audiences: rule.audiences) { file.keys })
      case .remote(let location):
        var limits = RemoteTokenKeys.Limits()
        limits.allowsPlaintext = options.allowsPlaintextKeys
        let started = ContinuousClock.now
        let keys = RemoteTokenKeys(
          location, limits: limits, client: try HTTPClient(),
          clock: { ContinuousClock.now - started }, report: { log.error($0) })
        rules.append(TokenIssuerRule(issuer: rule.issuer, audiences: rule.audiences, keys: keys))
      }
    }
    return rules
  }
}
