// SPDX-License-Identifier: Apache-2.0

import Configuration
import EnvoyAPI
import MeshModel

/// The server's side of mutual TLS between workloads: certificates of the agent, and clients of the
/// mesh's trust domains.
struct WorkloadTLSInputs: Hashable, Sendable {
  /// The trust domains whose clients are let in; empty for all.
  var trustDomains: [String]
  /// The ciphers for TLS 1.2.
  var ciphers: [String]
  /// Whether TLS 1.3 is required.
  var requiresTLS13: Bool
  /// Whether `istio-peer-exchange` is offered (not with `PILOT_DISABLE_MX_ALPN`).
  var offersPeerExchange: Bool
  /// The certificate of the workload.
  var certificate: AgentSecret
  /// The roots that certificates of clients come from.
  var roots: AgentSecret

  /// The ciphers that Istio allows for workloads.
  static let standardCiphers = [
    "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
  ]

  /// The transport socket of a chain for requests or for connections.
  func transportSocket(isHTTP: Bool, in arena: Arena) -> Envoy.TransportSocket {
    let context = Envoy.DownstreamTlsContext(arena)
    context.requireClientCertificate = true
    let common = Envoy.CommonTlsContext(arena)
    context.commonTlsContext = common
    let usual = ["h2", "http/1.1"]
    common.alpnProtocols = .init(
      isHTTP || !offersPeerExchange ? usual : ["istio-peer-exchange"] + usual)
    common.tlsParams = common.make(Envoy.TlsParameters.self) {
      $0.cipherSuites = .init(ciphers)
      $0.tlsMinimumProtocolVersion = requiresTLS13 ? .tLSv13 : .tLSv12
      $0.tlsMaximumProtocolVersion = .tLSv13
    }
    common.tlsCertificateSdsSecretConfigs.append(certificate.make(in: arena))
    common.combinedValidationContext = common.make(
      Envoy.CommonTlsContext.CombinedCertificateValidationContext.self
    ) { combined in
      combined.validationContextSdsSecretConfig = roots.make(in: arena)
      combined.defaultValidationContext = combined.make(Envoy.CertificateValidationContext.self) {
        for domain in trustDomains {
          $0.matchSubjectAltNames.append(
            Envoy.StringMatcher(arena) { $0.prefix = "spiffe://\(domain)/" })
        }
      }
    }
    return .downstreamTLS(context)
  }
}

extension Envoy.TransportSocket {
  /// TLS as a server.
  static func downstreamTLS(_ context: Envoy.DownstreamTlsContext) -> Envoy.TransportSocket {
    Envoy.TransportSocket(context.arena) {
      $0.name = "envoy.transport_sockets.tls"
      $0.typedConfig = .pack(context)
    }
  }
}

/// A secret that an agent beside the proxy serves, or the control plane in its place.
struct AgentSecret: Hashable, Sendable {
  /// The secret's name: `default`, `ROOTCA`, or `file-cert:` and `file-root:` with paths.
  var name: String
  /// The cluster of the agent's socket.
  var cluster = "sds-grpc"
  /// Where it comes from, of a proxy that has no agent.
  var source = ProxyNode.SecretSource.agent

  /// The workload's certificate, from where a proxy has it.
  static func workload(of node: ProxyNode) -> AgentSecret {
    AgentSecret(name: SecretReferences.workloadCertificate, of: node)
  }

  /// The mesh's roots, from where a proxy has them.
  static func roots(of node: ProxyNode) -> AgentSecret {
    AgentSecret(name: SecretReferences.workloadRoot, of: node)
  }

  /// Files of the proxy; `isServedApart` where a server of its own serves them.
  static func files(certificate: String, key: String, isServedApart: Bool) -> AgentSecret? {
    guard !certificate.isEmpty, !key.isEmpty else { return nil }
    return AgentSecret(files: "file-cert:\(certificate)~\(key)", isServedApart: isServedApart)
  }

  /// A file of roots.
  static func rootFile(_ path: String, isServedApart: Bool) -> AgentSecret? {
    path.isEmpty ? nil : AgentSecret(files: "file-root:\(path)", isServedApart: isServedApart)
  }

  private init(files name: String, isServedApart: Bool) {
    self.name = name
    if isServedApart { cluster = "sds-files-grpc" }
  }

  private init(name: String, of node: ProxyNode) {
    self.name = name
    source = node.secretSource
  }

  /// The message.
  func make(in arena: Arena) -> Envoy.SdsSecretConfig {
    source == .agent
      ? SecretReferences.agent(name, cluster: cluster, in: arena)
      : SecretReferences.workload(name, from: source, in: arena)
  }
}

extension ProxyContext {
  /// The server's side of mutual TLS; nil where the proxy has no certificate.
  func workloadTLS() -> WorkloadTLSInputs? {
    guard node.hasWorkloadSecrets else { return nil }
    let mesh = settings.mesh
    let ciphers = mesh.meshMTLS?.cipherSuites ?? []
    let isServedApart = node.isTrue("file-credential")
    let certificate = AgentSecret.files(
      certificate: node.text("TLS_SERVER_CERT_CHAIN"), key: node.text("TLS_SERVER_KEY"),
      isServedApart: isServedApart)
    let roots = AgentSecret.rootFile(
      node.text("TLS_SERVER_ROOT_CERT"), isServedApart: isServedApart)
    return WorkloadTLSInputs(
      trustDomains: trustDomains,
      ciphers: ciphers.isEmpty ? WorkloadTLSInputs.standardCiphers : ciphers,
      requiresTLS13: mesh.meshMTLS?.minProtocolVersion == .tlsv1_3,
      offersPeerExchange: settings.feature("PILOT_ENABLE_METADATA_EXCHANGE", default: true)
        && !settings.feature("PILOT_DISABLE_MX_ALPN", default: false),
      certificate: node.isPlain ? .workload(of: node) : certificate ?? .workload(of: node),
      roots: node.isPlain ? .roots(of: node) : roots ?? .roots(of: node))
  }

  /// The trust domains whose identities are let in.
  var trustDomains: [String] {
    if settings.feature("PILOT_SKIP_VALIDATE_TRUST_DOMAIN", default: false) { return [] }
    let mesh = settings.mesh
    let all =
      [mesh.trustDomain] + mesh.trustDomainAliases + mesh.caCertificates.flatMap(\.trustDomains)
    var seen: Set<String> = []
    return all.filter { !$0.isEmpty && seen.insert($0).inserted }
  }
}
