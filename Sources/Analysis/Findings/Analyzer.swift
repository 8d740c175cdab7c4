// SPDX-License-Identifier: Apache-2.0

import Configuration
public import MeshModel
import ServiceDiscovery

/// One check of a mesh's configuration: a pure function of a snapshot.
public struct Analyzer: Sendable {
  /// Istio's name, such as `virtualservice.GatewayAnalyzer`.
  public let name: String
  /// What it finds, in no order.
  let findings: @Sendable (AnalysisInput) -> [Finding]

  init(_ name: String, _ findings: @escaping @Sendable (AnalysisInput) -> [Finding]) {
    self.name = name
    self.findings = findings
  }

  /// What it finds in a snapshot.
  public func analyze(
    _ mesh: MeshSnapshot, certificates: CertificateJudge = .lenient
  ) -> [Finding] {
    heard(AnalysisInput(mesh, certificates: certificates)).sorted { $0.isBefore($1) }
  }

  /// What it finds, but for the namespaces of Kubernetes itself, which Istio leaves alone.
  fileprivate func heard(_ input: AnalysisInput) -> [Finding] {
    findings(input).filter { !Self.ignoredNamespaces.contains($0.object.namespace) }
  }

  private static let ignoredNamespaces: Set = [
    "kube-system", "kube-public", "kube-node-lease", "local-path-storage",
  ]

  /// Every analyzer: a new one is a line here.
  public static let all: [Analyzer] = [
    Analyzer("virtualservice.ConflictingMeshGatewayHostsAnalyzer", conflictingHosts),
    Analyzer("virtualservice.DestinationHostAnalyzer", destinationHosts),
    Analyzer("virtualservice.DestinationRuleAnalyzer", destinationSubsets),
    Analyzer("virtualservice.GatewayAnalyzer", boundGateways),
    Analyzer("virtualservice.JWTClaimRouteAnalyzer", claimRoutes),
    Analyzer("schema.ValidationAnalyzer.VirtualService", deadMatches),
    Analyzer("gateway.ConflictingGatewayAnalyzer", conflictingGateways),
    Analyzer("gateway.IngressGatewayPortAnalyzer", gatewayPorts),
    Analyzer("gateway.CertificateAnalyzer", duplicateCertificates),
    Analyzer("gateway.SecretAnalyzer", gatewaySecrets),
    Analyzer("destinationrule.CaCertificateAnalyzer", unverifiedTLS),
    Analyzer("destinationrule.SubsetSelectPodAnalyzer", ruleTargets),
    Analyzer("destinationrule.DuplicateSubsetAnalyzer", duplicateSubsets),
    Analyzer("serviceentry.Analyzer", missingAddresses),
    Analyzer("serviceentry.ConflictingServiceEntryProtocolAnalyzer", conflictingProtocols),
    Analyzer("sidecar.SelectorAnalyzer", sidecarSelectors),
    Analyzer("telemetry.SelectorAnalyzer", telemetrySelectors),
    Analyzer("telemetry.DefaultSelectorAnalyzer", defaultTelemetries),
    Analyzer("service.PortNameAnalyzer", portNames),
  ]
}

extension MeshSnapshot {
  /// What all analyzers find, by object; of several that say the same, one.
  ///
  /// Made when somebody asks: no push waits for it.
  public func findings(certificates: CertificateJudge = .lenient) -> [Finding] {
    let input = AnalysisInput(self, certificates: certificates)
    return Set(Analyzer.all.flatMap { $0.heard(input) }).sorted { $0.isBefore($1) }
  }
}

extension Finding {
  fileprivate func isBefore(_ other: Finding) -> Bool {
    let mine = (object.description, message.code, field, text)
    return mine < (other.object.description, other.message.code, other.field, other.text)
  }
}

/// Who says whether a certificate is good: reading one takes a library, and a clock.
public struct CertificateJudge: Sendable {
  /// What is wrong with a certificate in PEM; nil where nothing is.
  let problem: @Sendable (_ pem: [UInt8]) -> String?

  /// A judge who says what is wrong with a certificate in PEM, nil for nothing.
  public init(_ problem: @escaping @Sendable (_ pem: [UInt8]) -> String?) { self.problem = problem }

  /// A judge to whom every certificate is good.
  public static let lenient = CertificateJudge { _ in nil }
}

/// A snapshot as analyzers read it.
struct AnalysisInput: Sendable {
  /// The snapshot.
  let mesh: MeshSnapshot
  /// The hosts of services, by who sees them.
  let hosts: ServiceHosts
  /// The Pods, by namespace and name.
  let pods: [ConfigObject<Kubernetes.Pod>]
  /// Who says whether certificates are good.
  let certificates: CertificateJudge

  init(_ mesh: MeshSnapshot, certificates: CertificateJudge) {
    self.mesh = mesh
    self.certificates = certificates
    hosts = ServiceHosts(mesh)
    pods = mesh.registry.sources.tables.pods.values.sorted {
      ($0.meta.namespace, $0.meta.name) < ($1.meta.namespace, $1.meta.name)
    }
  }

  /// The Pods that a selector takes; an empty one takes all.
  func pods(selectedBy labels: [String: String]) -> [ConfigObject<Kubernetes.Pod>] {
    pods.filter { labels.isSubset(of: $0.meta.labels) }
  }

  /// A host as it is meant in a namespace.
  func fullName(_ host: String, in namespace: String) -> String {
    resolveShortName(host, namespace: namespace, settings: mesh.settings)
  }

  /// The Gateway that a VirtualService of a namespace names.
  func gateway(_ written: String, from namespace: String) -> ConfigObject<Istio.Gateway>? {
    let parts = written.split(separator: "/", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return mesh.config.gateways.object(namespace, written) }
    return mesh.config.gateways.object(parts[0] == "." ? namespace : parts[0], parts[1])
  }
}

/// The namespaces that an object is for: `*` alone for all, `.` resolved.
func scopes(of exportTo: [String], in namespace: String) -> Set<String> {
  if exportTo.isEmpty || exportTo.contains("*") { return ["*"] }
  return Set(exportTo.map { $0 == "." ? namespace : $0 })
}

/// Labels as Kubernetes writes a selector: `a=b,c=d`.
func selectorText(_ labels: [String: String]) -> String {
  labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
}

/// A text in quotation marks, as Go's `%q` writes it.
func quoted(_ text: String) -> String { "\"\(text)\"" }

extension ConfigObject {
  /// `namespace/name`.
  var fullName: String {
    meta.namespace.isEmpty ? meta.name : "\(meta.namespace)/\(meta.name)"
  }
}
