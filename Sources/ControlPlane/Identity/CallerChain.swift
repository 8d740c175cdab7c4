// SPDX-License-Identifier: Apache-2.0

import Authentication
import Configuration
import Cryptography
import HTTPClient
import KubernetesClient
import KubernetesIdentity
import Logging
import MeshModel
import StateDirectory

extension MeshIdentity {
  /// How callers prove who they are: by a certificate of the mesh, by a token of an issuer whose keys
  /// are known, or by one that the cluster's API server believes.
  static func callers(
    _ options: IdentityOptions, clusters: ReviewingClusters?, _ directory: StateDirectory?,
    settings: @escaping @Sendable () -> MeshSettings, log: Logger
  ) throws -> AuthenticatorChain {
    let now = { @Sendable in Int64(WallClock.now()) }
    let trustDomain = { @Sendable in settings().mesh.trustDomain }
    var chain: [any CallerAuthenticator] = [
      ClientCertificateAuthenticator { settings().trustDomains },
      TokenAuthenticator(
        try rules(options, directory, log: log), trustDomain: trustDomain, now: now),
    ]
    if let clusters {
      let aliases = options.clusterAliases
      chain.append(
        TokenReviews(
          clusters.own, audiences: options.audiences, clusters: options.clusterNames,
          remote: { name in clusters.remote(name) ?? aliases[name].flatMap(clusters.remote) },
          trustDomain: trustDomain, now: now))
    }
    if !options.trustedGateways.isEmpty {
      let gateways = options.trustedGateways
      chain.append(
        ForwardedCertificateAuthenticator {
          settings().trustDomains
        } isTrusted: { text in
          guard let address = IPAddress(text) else { return false }
          return gateways.contains { $0.contains(address) }
            || loopback.contains { $0.contains(address) }
        })
    }
    return AuthenticatorChain(chain)
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
    for rule in options.tokenRules { rules.append(try issuer(rule, options, log)) }
    return rules
  }

  private static func issuer(
    _ rule: IdentityOptions.TokenRule, _ options: IdentityOptions, _ log: Logger
  ) throws -> TokenIssuerRule {
    switch rule.keys {
    case .text(let text):
      let keys = try TokenKeySet(jwks: Array(text.utf8))
      return TokenIssuerRule(issuer: rule.issuer, audiences: rule.audiences) { keys }
    case .file(let path):
      let file = TokenKeyFile(path) { log.error($0) }
      _ = file.keys
      return TokenIssuerRule(issuer: rule.issuer, audiences: rule.audiences) { file.keys }
    case .remote(let location):
      var limits = RemoteTokenKeys.Limits()
      limits.allowsPlaintext = options.allowsPlaintextKeys
      let started = ContinuousClock.now
      let keys = RemoteTokenKeys(
        location, limits: limits, client: try HTTPClient(),
        clock: { ContinuousClock.now - started }, report: { log.error($0) })
      return TokenIssuerRule(issuer: rule.issuer, audiences: rule.audiences, keys: keys)
    }
  }
}

/// The addresses of this machine itself, from which a header is believed as from a gateway's.
private let loopback = ["127.0.0.0/8", "::1/128"].compactMap { IPRange($0) }

/// The API servers that review tokens.
struct ReviewingClusters: Sendable {
  /// That of the own cluster.
  var own: KubernetesClient
  /// That of another one, by its id.
  var remote: @Sendable (_ id: String) -> KubernetesClient?
}

extension MeshSettings {
  /// The trust domains whose names are those of this mesh: its own, and its aliases.
  var trustDomains: Set<String> { Set([mesh.trustDomain] + mesh.trustDomainAliases) }
}
