// SPDX-License-Identifier: Apache-2.0

public import Configuration

/// What is read, checked and kept, but does not reach any proxy yet: said at `/debug/configz`.
///
/// To be shortened by whoever makes a kind or a field work.
public enum NotYetTranslated {
  /// A kind, or a field of one, that has no effect.
  public struct Note: Hashable, Sendable {
    /// The field; empty for the whole object.
    public var field: String
    /// One sentence.
    public var message: String

    init(_ field: String, _ message: String) { (self.field, self.message) = (field, message) }
  }

  /// The kinds none of whose objects has an effect.
  public static let kinds: Set<ResourceKind> = [
    Istio.EnvoyFilter.kind, Istio.AuthorizationPolicy.kind,
    Istio.RequestAuthentication.kind, Istio.WasmPlugin.kind,
    Istio.TrafficExtension.kind, Istio.WorkloadGroup.kind, Istio.ProxyConfig.kind,
  ]

  /// What of an object has no effect.
  public static func notes(on object: ConfigurationObject) -> [Note] {
    if kinds.contains(object.kind) {
      return [Note("", "\(object.kind.kind) objects do not change any proxy yet")]
    }
    guard case .destinationRule(let rule) = object else { return [] }
    return notes(on: rule.spec)
  }

  /// The fields of MeshConfig that are set and have no effect.
  public static func notes(on mesh: Istio.MeshConfig) -> [Note] {
    let standard = Istio.MeshConfig.standard
    let fields: [(name: String, isSet: Bool)] = [
      ("ca", mesh.ca != standard.ca),
      ("certificates", mesh.certificates != standard.certificates),
      ("configSources", mesh.configSources != standard.configSources),
      ("hboneIdleTimeout", mesh.hboneIdleTimeout != standard.hboneIdleTimeout),
      ("ingressControllerMode", mesh.ingressControllerMode != standard.ingressControllerMode),
      ("ingressSelector", mesh.ingressSelector != standard.ingressSelector),
      ("serviceEntryVisibility", mesh.serviceEntryVisibility != standard.serviceEntryVisibility),
      (
        "verifyCertificateAtClient",
        mesh.verifyCertificateAtClient != standard.verifyCertificateAtClient
      ),
    ]
    return fields.filter(\.isSet).map { Note($0.name, "the field does not change any proxy yet") }
  }

  private static func notes(on rule: Istio.DestinationRule) -> [Note] {
    let own = rule.trafficPolicy.map { [("spec.trafficPolicy", $0)] } ?? []
    let policies =
      own
      + rule.subsets.enumerated().compactMap { index, subset in
        subset.trafficPolicy.map { ("spec.subsets[\(index)].trafficPolicy", $0) }
      }
    return policies.filter { $0.1.retryBudget?.budgetInterval != nil }.map { path, _ in
      Note(
        "\(path).retryBudget.budgetInterval", "the version of Envoy's API in use has no such field")
    }
  }
}
