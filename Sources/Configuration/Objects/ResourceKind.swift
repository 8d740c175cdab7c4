// SPDX-License-Identifier: Apache-2.0

/// A kind of object, as the Kubernetes API serves it.
public struct ResourceKind: Hashable, Sendable, CustomStringConvertible {
  /// The API's group; empty for Kubernetes' core.
  public let group: String
  /// The kind, as objects name it.
  public let kind: String
  /// The kind in paths of the API.
  public let plural: String
  /// The versions that are read, the preferred one first; all have one schema.
  public let versions: [String]
  /// Whether its objects live outside of namespaces.
  public let isClusterScoped: Bool

  /// A kind of `group`.
  public init(
    group: String, kind: String, plural: String, versions: [String], isClusterScoped: Bool = false
  ) {
    self.group = group
    self.kind = kind
    self.plural = plural
    self.versions = versions
    self.isClusterScoped = isClusterScoped
  }

  /// `kind.group`, or the kind alone in the core group.
  public var description: String { group.isEmpty ? kind : "\(kind).\(group)" }

  /// Whether an object of `apiVersion` and `kind` is one of these, in a version that is read.
  public func matches(apiVersion: String, kind: String) -> Bool {
    guard kind == self.kind else { return false }
    return versions.contains { (group.isEmpty ? $0 : "\(group)/\($0)") == apiVersion }
  }

  static func networking(
    _ kind: String, _ plural: String, _ versions: [String] = ["v1", "v1beta1", "v1alpha3"]
  ) -> ResourceKind {
    ResourceKind(group: "networking.istio.io", kind: kind, plural: plural, versions: versions)
  }

  static func security(_ kind: String, _ plural: String) -> ResourceKind {
    ResourceKind(
      group: "security.istio.io", kind: kind, plural: plural, versions: ["v1", "v1beta1"])
  }

  static func core(
    _ kind: String, _ plural: String, isClusterScoped: Bool = false
  ) -> ResourceKind {
    ResourceKind(
      group: "", kind: kind, plural: plural, versions: ["v1"], isClusterScoped: isClusterScoped)
  }
}
