// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel

/// The server's side of TLS that ends at a gateway, or at a sidecar whose ingress asks for it
/// (`ServerTLSSettings`).
struct ServerTLSInputs: Hashable, Sendable {
  /// Where certificates come from that are not told by `credentialName`.
  enum Files: Hashable, Sendable {
    /// From the agent beside the proxy, at the socket of a cluster.
    case agent(cluster: String)
    /// From the proxy's own files: there is no agent.
    case own
  }

  /// What was written.
  var settings: Istio.ServerTLSSettings
  /// Whether it is TLS of QUIC, where Envoy cannot require certificates of clients.
  var isQUIC = false
  /// What the mesh says where the settings are silent.
  var defaults: Istio.Mesh.MeshConfig.TLSConfig?
  /// The protocols that are offered.
  var protocols = ["h2", "http/1.1"]
  /// The certificate and roots of the workload, for `ISTIO_MUTUAL`.
  var workload: WorkloadTLSInputs?
  /// Where files are read.
  var files = Files.agent(cluster: "sds-grpc")
  /// Whether a server of secrets is beside the proxy (`credential` of the metadata).
  var hasCredentialSocket = false
  /// The cluster of the mesh's provider of secrets (`extensionProviders`), for names `sds://…`.
  var secretProvider: String?

  private var requiresClient: Bool {
    !isQUIC && (settings.mode == .mutual || settings.mode == .istioMutual)
  }
  private var verifiesClient: Bool { requiresClient || settings.mode == .optionalMutual }
  private var credentials: [String] {
    guard settings.credentialNames.isEmpty else { return settings.credentialNames }
    return settings.credentialName.isEmpty ? [] : [settings.credentialName]
  }

  /// The transport socket.
  func transportSocket(in arena: Arena) -> Envoy.TransportSocket {
    let message = Envoy.DownstreamTlsContext(arena) { context in
      context.requireClientCertificate = requiresClient
      let common = context.make(Envoy.CommonTlsContext.self)
      context.commonTlsContext = common
      common.alpnProtocols = .init(protocols)
      if settings.mode == .istioMutual {
        useWorkload(common)
      } else if !credentials.isEmpty {
        useCredentials(common)
      } else {
        useFiles(common)
      }
      if settings.mode != .istioMutual { common.setParameters(settings, defaults) }
    }
    guard isQUIC else { return .downstreamTLS(message) }
    return Envoy.TransportSocket(arena) {
      $0.name = "envoy.transport_sockets.quic"
      $0.typedConfig = .pack(
        $0.make(Envoy.QuicDownstreamTransport.self) { $0.downstreamTlsContext = message })
    }
  }

  private func useWorkload(_ common: Envoy.CommonTlsContext) {
    guard let workload else { return }
    common.tlsCertificateSdsSecretConfigs = [workload.certificate.make(in: common.arena)]
    guard verifiesClient else { return }
    let expected = validation(in: common.arena)
    if !settings.caCrl.isEmpty { expected.crl = file(settings.caCrl, in: common.arena) }
    common.combinedValidationContext = combined(expected, workload.roots.make(in: common.arena))
  }

  private func useCredentials(_ common: Envoy.CommonTlsContext) {
    let arena = common.arena
    common.tlsCertificateSdsSecretConfigs = .init(credentials.map { secret($0, in: arena) })
    if settings.mode == .mutual || settings.mode == .optionalMutual {
      let written = settings.caCertCredentialName
      let authority =
        written.isEmpty ? credentials[0] + SecretReferences.authoritySuffix : written
      let expected = validation(in: arena)
      expected.verifyCertificateSpki = .init(settings.verifyCertificateSpki)
      expected.verifyCertificateHash = .init(settings.verifyCertificateHash)
      common.combinedValidationContext = combined(expected, secret(authority, in: arena))
    } else if !settings.subjectAltNames.isEmpty {
      common.validationContext = validation(in: arena)
    }
  }

  private func secret(_ name: String, in arena: Arena) -> Envoy.SdsSecretConfig {
    SecretReferences.credential(
      name, hasSocket: hasCredentialSocket, provider: secretProvider, in: arena)
  }

  private func useFiles(_ common: Envoy.CommonTlsContext) {
    let arena = common.arena
    let pairs =
      settings.tlsCertificates.isEmpty
      ? [(settings.serverCertificate, settings.privateKey)]
      : settings.tlsCertificates.map { ($0.serverCertificate, $0.privateKey) }
    switch files {
    case .agent(let cluster):
      for (certificate, key) in pairs {
        let isGiven = !certificate.isEmpty && !key.isEmpty
        common.tlsCertificateSdsSecretConfigs.append(
          agentSecret(isGiven ? "file-cert:\(certificate)~\(key)" : nil, cluster, "default", arena))
      }
      guard verifiesClient else { return }
      let expected = validation(in: arena)
      if !settings.caCrl.isEmpty { expected.crl = file(settings.caCrl, in: arena) }
      let roots = settings.caCertificates.isEmpty ? nil : "file-root:\(settings.caCertificates)"
      common.combinedValidationContext = combined(
        expected, agentSecret(roots, cluster, "ROOTCA", arena))
    case .own:
      for (certificate, key) in pairs {
        common.tlsCertificates.append(
          common.make(Envoy.TlsCertificate.self) {
            $0.certificateChain = file(certificate, in: arena)
            $0.privateKey = file(key, in: arena)
          })
      }
      guard verifiesClient else { return }
      let expected = validation(in: arena)
      expected.trustedCa = file(settings.caCertificates, in: arena)
      if !settings.caCrl.isEmpty { expected.crl = file(settings.caCrl, in: arena) }
      common.validationContext = expected
    }
  }

  /// A secret of files, else the workload's own.
  private func agentSecret(
    _ name: String?, _ cluster: String, _ standard: String, _ arena: Arena
  ) -> Envoy.SdsSecretConfig {
    guard let name else { return SecretReferences.agent(standard, in: arena) }
    return SecretReferences.agent(name, cluster: cluster, in: arena)
  }

  private func validation(in arena: Arena) -> Envoy.CertificateValidationContext {
    Envoy.CertificateValidationContext(arena) { context in
      for name in settings.subjectAltNames {
        if files == .own {
          context.matchTypedSubjectAltNames.append(.exact(name, in: arena))
        } else {
          context.matchSubjectAltNames.append(Envoy.StringMatcher(arena) { $0.exact = name })
        }
      }
      if settings.insecureSkipVerify == true {
        context.trustChainVerification = .acceptUntrusted
      }
    }
  }

  private func combined(
    _ expected: Envoy.CertificateValidationContext, _ roots: Envoy.SdsSecretConfig
  ) -> Envoy.CommonTlsContext.CombinedCertificateValidationContext {
    expected.make(Envoy.CommonTlsContext.CombinedCertificateValidationContext.self) {
      $0.defaultValidationContext = expected
      $0.validationContextSdsSecretConfig = roots
    }
  }

  private func file(_ path: String, in arena: Arena) -> Envoy.DataSource {
    Envoy.DataSource(arena) { $0.filename = path }
  }
}

extension Envoy.SubjectAltNameMatcher {
  /// A name as a certificate may have it: of a URI, an address or a host.
  fileprivate static func exact(_ name: String, in arena: Arena) -> Envoy.SubjectAltNameMatcher {
    Envoy.SubjectAltNameMatcher(arena) { matcher in
      let isAddress = IPAddress(name) != nil
      matcher.sanType = name.contains("://") ? .uri : isAddress ? .ipAddress : .dns
      matcher.matcher = matcher.make(Envoy.StringMatcher.self) { $0.exact = name }
    }
  }
}

extension ProxyContext {
  /// The server's side of TLS as it is written, with what the mesh and the proxy add.
  func serverTLS(_ written: Istio.ServerTLSSettings) -> ServerTLSInputs {
    var tls = ServerTLSInputs(settings: written, defaults: settings.mesh.tlsDefaults)
    tls.files =
      node.isPlain
      ? .own : .agent(cluster: node.isTrue("file-credential") ? "sds-files-grpc" : "sds-grpc")
    tls.hasCredentialSocket = node.isTrue("credential")
    tls.secretProvider = secretProvider
    return tls
  }

  /// The cluster of the mesh's first provider of secrets.
  private var secretProvider: String? {
    for provider in settings.mesh.extensionProviders {
      guard case .sds(let sds)? = provider.provider else { continue }
      return mesh.providerCluster(service: sds.service, port: sds.port)?.name
    }
    return nil
  }
}
