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
    switch object {
    case .destinationRule(let rule): return notes(on: rule.spec)
    case .virtualService(let service): return notes(on: service.spec)
    default: return []
    }
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
    let ambient =
      mesh.serviceScopeConfigs == standard.serviceScopeConfigs
      ? [] : [Note("serviceScopeConfigs", "the field is for ambient meshes only, as in istiod")]
    return ambient
      + fields.filter(\.isSet).map { Note($0.name, "the field does not change any proxy yet") }
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

  /// What istiod passes on and Envoy has not.
  private static func notes(on service: Istio.VirtualService) -> [Note] {
    service.http.enumerated().flatMap { index, route -> [Note] in
      var notes: [Note] = []
      let high = "Envoy answers no status above 599, which stands in for it"
      if route.directResponse?.status ?? 0 > 599 {
        notes.append(Note("spec.http[\(index)].directResponse.status", high))
      }
      if case .httpStatus(let status)? = route.fault?.abort?.errorType, status > 599 {
        notes.append(Note("spec.http[\(index)].fault.abort.httpStatus", high))
      }
      if let code = route.redirect?.redirectCode, ![0, 301, 302, 303, 307, 308].contains(code) {
        notes.append(
          Note(
            "spec.http[\(index)].redirect.redirectCode",
            "Envoy has no redirect with \(code); 302 stands in for it"))
      }
      return notes
    }
  }
}
