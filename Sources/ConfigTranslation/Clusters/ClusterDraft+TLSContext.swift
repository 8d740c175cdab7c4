// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel

extension ClusterDraft {
  /// The context of TLS to upstream; nil where connections stay plain.
  mutating func tlsContext(
    _ tls: Istio.ClientTLSSettings, _ context: TLSContext
  ) -> Envoy.UpstreamTlsContext? {
    switch tls.mode {
    case .disable: return nil
    // Without an agent there is no certificate to show.
    case .istioMutual: return facets.secretSource == .none ? nil : istioMutual(tls)
    case .simple, .mutual:
      if isCredentialWithheld(tls, context) { return nil }
      return userSupplied(tls, context)
    }
  }

  /// Sidecars get a credential only by a rule for selected workloads; ConfigMaps are for all.
  private func isCredentialWithheld(
    _ tls: Istio.ClientTLSSettings, _ context: TLSContext
  ) -> Bool {
    !tls.credentialName.isEmpty && !tls.credentialName.hasPrefix("configmap://")
      && facets.kind == .sidecar && !context.isRuleSelective
  }

  private func emptyContext(_ tls: Istio.ClientTLSSettings) -> Envoy.UpstreamTlsContext {
    cluster.make(Envoy.UpstreamTlsContext.self) { context in
      context.sni = tls.sni
      context.commonTlsContext = context.make(Envoy.CommonTlsContext.self) { common in
        common.tlsParams = common.make(Envoy.TlsParameters.self) {
          $0.tlsMinimumProtocolVersion = .tLSv12
          $0.tlsMaximumProtocolVersion = .tLSv13
        }
      }
    }
  }

  private mutating func istioMutual(_ tls: Istio.ClientTLSSettings) -> Envoy.UpstreamTlsContext {
    let context = emptyContext(tls)
    if isForwardProxy {
      nameServerAutomatically(tls)
    } else if tls.sni.isEmpty {
      context.sni = cluster.name
    }
    guard let common = context.commonTlsContext else { return context }
    common.tlsCertificateSdsSecretConfigs = [
      SecretReferences.workload(
        SecretReferences.workloadCertificate, from: facets.secretSource, in: arena)
    ]
    common.combinedValidationContext = combined(
      validation(names: tls.subjectAltNames),
      SecretReferences.workload(
        SecretReferences.workloadRoot, from: facets.secretSource, in: arena))
    // A peer that takes the offer waits for metadata, which only the filter sends.
    let exchange =
      facets.exchangesMetadata
      && !settings.feature("PILOT_DISABLE_MX_ALPN", default: false)
    common.alpnProtocols = .init(
      (exchange ? ["istio-peer-exchange"] : []) + ["istio"] + (isHTTP2 ? ["h2"] : []))
    return context
  }

  private mutating func userSupplied(
    _ written: Istio.ClientTLSSettings, _ context: TLSContext
  ) -> Envoy.UpstreamTlsContext? {
    if written.mode == .mutual, written.credentialName.isEmpty,
      written.clientCertificate.isEmpty || written.privateKey.isEmpty
    {
      return nil
    }
    nameServerAutomatically(written)
    var tls = written
    if context.isExternal && tls.subjectAltNames.isEmpty {
      tls.subjectAltNames = context.identities
    }
    let message = emptyContext(tls)
    guard let common = message.commonTlsContext else { return message }
    if !tls.credentialName.isEmpty {
      useCredential(tls, common)
    } else if facets.isPlain {
      useFiles(tls, common)
    } else {
      useAgentFiles(tls, common)
    }
    if let defaults = mesh.tlsDefaults {
      common.tlsParams?.ecdhCurves = .init(defaults.ecdhCurves)
      common.tlsParams?.cipherSuites = .init(defaults.cipherSuites)
    }
    if isHTTP2 { common.alpnProtocols = ["h2"] }
    return message
  }

  /// Where the rule names no server, Envoy takes the request's host as SNI, and checks the
  /// certificate for it unless the rule names whom to expect.
  private mutating func nameServerAutomatically(_ tls: Istio.ClientTLSSettings) {
    let setsName = tls.sni.isEmpty
    let isVerified = tls.insecureSkipVerify != true
    let checksName =
      isVerified && (isForwardProxy || setsName && tls.subjectAltNames.isEmpty)
    guard setsName || checksName else { return }
    let options = httpOptions()
    options.upstreamHttpProtocolOptions = options.make(Envoy.UpstreamHttpProtocolOptions.self) {
      $0.autoSni = setsName
      $0.autoSanValidation = checksName
    }
  }

  private func useCredential(_ tls: Istio.ClientTLSSettings, _ common: Envoy.CommonTlsContext) {
    let hasSocket = facets.hasCredentialSocket
    if tls.mode == .mutual {
      common.tlsCertificateSdsSecretConfigs = [
        SecretReferences.credential(tls.credentialName, hasSocket: hasSocket, in: arena)
      ]
    }
    if tls.insecureSkipVerify == true { return }
    common.combinedValidationContext = combined(
      validation(names: tls.subjectAltNames),
      SecretReferences.credential(
        tls.credentialName + SecretReferences.authoritySuffix, hasSocket: hasSocket, in: arena))
  }

  /// Files that the agent reads and serves, so that changed ones are seen.
  private func useAgentFiles(_ tls: Istio.ClientTLSSettings, _ common: Envoy.CommonTlsContext) {
    let server = facets.hasFileCredentialSocket ? "sds-files-grpc" : "sds-grpc"
    if tls.mode == .mutual {
      common.tlsCertificateSdsSecretConfigs = [
        SecretReferences.agent(
          "file-cert:\(tls.clientCertificate)~\(tls.privateKey)", cluster: server, in: arena)
      ]
    }
    if tls.insecureSkipVerify == true {
      common.validationContext = common.make(Envoy.CertificateValidationContext.self)
      return
    }
    let root = tls.caCertificates.isEmpty ? "system" : tls.caCertificates
    let expected = validation(names: tls.subjectAltNames)
    if !tls.caCrl.isEmpty { expected.crl = file(tls.caCrl) }
    common.combinedValidationContext = combined(
      expected, SecretReferences.agent("file-root:\(root)", cluster: server, in: arena))
  }

  /// Files that Envoy reads by itself, for want of an agent.
  private func useFiles(_ tls: Istio.ClientTLSSettings, _ common: Envoy.CommonTlsContext) {
    if tls.mode == .mutual {
      common.tlsCertificates = [
        common.make(Envoy.TlsCertificate.self) {
          $0.certificateChain = file(tls.clientCertificate)
          $0.privateKey = file(tls.privateKey)
        }
      ]
    }
    if tls.insecureSkipVerify == true { return }
    let context = validation(names: tls.subjectAltNames)
    let isSystem = tls.caCertificates.isEmpty || tls.caCertificates == "system"
    context.trustedCa = file(isSystem ? ClusterDraft.systemRoots : tls.caCertificates)
    if !tls.caCrl.isEmpty { context.crl = file(tls.caCrl) }
    common.validationContext = context
  }

  /// Where Debian, and Envoy's own images, keep the roots that the system trusts.
  private static let systemRoots = "/etc/ssl/certs/ca-certificates.crt"

  private func file(_ path: String) -> Envoy.DataSource {
    cluster.make(Envoy.DataSource.self) { $0.filename = path }
  }

  private func combined(
    _ expected: Envoy.CertificateValidationContext, _ root: Envoy.SdsSecretConfig
  ) -> Envoy.CommonTlsContext.CombinedCertificateValidationContext {
    cluster.make(Envoy.CommonTlsContext.CombinedCertificateValidationContext.self) {
      $0.defaultValidationContext = expected
      $0.validationContextSdsSecretConfig = root
    }
  }
}
