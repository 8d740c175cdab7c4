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
  }

  /// The kinds none of whose objects has an effect.
  public static let kinds: Set<ResourceKind> = [
    Istio.EnvoyFilter.kind, Istio.AuthorizationPolicy.kind,
    Istio.RequestAuthentication.kind, Istio.WasmPlugin.kind,
    Istio.TrafficExtension.kind, Istio.WorkloadGroup.kind, Istio.ProxyConfig.kind,
  ]

  /// What of an object has no effect.
  public static func notes(on object: ConfigurationObject) -> [Note] {
    guard kinds.contains(object.kind) else { return [] }
    return [
      Note(field: "", message: "\(object.kind.kind) objects do not change any proxy yet")
    ]
  }
}
