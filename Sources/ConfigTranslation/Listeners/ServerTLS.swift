// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI

/// The server's side of TLS with files, as a Sidecar's ingress asks for it (`ServerTLSSettings`).
struct ServerTLSInputs: Hashable, Sendable {
  /// What was written.
  var settings: Istio.ServerTLSSettings
  /// What the mesh says where the settings are silent.
  var defaults: Istio.Mesh.MeshConfig.TLSConfig?
  /// Whether a server of its own serves files of the proxy.
  var isServedApart: Bool

  /// The transport socket.
  func transportSocket(in arena: Arena) -> Envoy.TransportSocket {
    let context = Envoy.DownstreamTlsContext(arena)
    let requiresClient = settings.mode == .mutual
    context.requireClientCertificate = requiresClient
    let common = Envoy.CommonTlsContext(arena)
    context.commonTlsContext = common
    common.alpnProtocols = ["h2", "http/1.1"]
    let certificate = AgentSecret.files(
      certificate: settings.serverCertificate, key: settings.privateKey,
      isServedApart: isServedApart)
    common.tlsCertificateSdsSecretConfigs.append((certificate ?? .workload).make(in: arena))
    if requiresClient || settings.mode == .optionalMutual {
      common.combinedValidationContext = validation(in: arena)
    }
    applyParameters(to: common)
    return .downstreamTLS(context)
  }

  private func validation(
    in arena: Arena
  ) -> Envoy.CommonTlsContext.CombinedCertificateValidationContext {
    let roots = AgentSecret.rootFile(settings.caCertificates, isServedApart: isServedApart)
    return Envoy.CommonTlsContext.CombinedCertificateValidationContext(arena) { combined in
      combined.validationContextSdsSecretConfig = (roots ?? .roots).make(in: arena)
      combined.defaultValidationContext = combined.make(Envoy.CertificateValidationContext.self) {
        for name in settings.subjectAltNames {
          $0.matchSubjectAltNames.append(Envoy.StringMatcher(arena) { $0.exact = name })
        }
        if !settings.caCrl.isEmpty {
          let path = settings.caCrl
          $0.crl = Envoy.DataSource(arena) { $0.filename = path }
        }
      }
    }
  }

  private func applyParameters(to common: Envoy.CommonTlsContext) {
    let ciphers =
      settings.cipherSuites.isEmpty ? defaults?.cipherSuites ?? [] : settings.cipherSuites
    let minimum = settings.minProtocolVersion.envoy ?? defaults?.minProtocolVersion.envoy
    let maximum = settings.maxProtocolVersion.envoy
    let curves = defaults?.ecdhCurves ?? []
    guard !ciphers.isEmpty || !curves.isEmpty || minimum != nil || maximum != nil else { return }
    common.tlsParams = common.make(Envoy.TlsParameters.self) {
      $0.cipherSuites = .init(ciphers)
      $0.ecdhCurves = .init(curves)
      if let minimum { $0.tlsMinimumProtocolVersion = minimum }
      if let maximum { $0.tlsMaximumProtocolVersion = maximum }
    }
  }
}

extension Istio.ServerTLSSettings.TLSProtocol {
  /// Envoy's name of a version; nil where it is left to Envoy.
  var envoy: Envoy.TlsParameters.TlsProtocol? {
    switch self {
    case .tlsAuto: nil
    case .tlsv1_0: .tLSv10
    case .tlsv1_1: .tLSv11
    case .tlsv1_2: .tLSv12
    case .tlsv1_3: .tLSv13
    }
  }
}

extension Istio.Mesh.MeshConfig.TLSConfig.TLSProtocol {
  /// Envoy's name of a version; nil where it is left to Envoy.
  var envoy: Envoy.TlsParameters.TlsProtocol? {
    switch self {
    case .tlsAuto: nil
    case .tlsv1_2: .tLSv12
    case .tlsv1_3: .tLSv13
    }
  }
}
