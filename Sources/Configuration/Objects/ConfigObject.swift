// SPDX-License-Identifier: Apache-2.0

/// What an object says, apart from its metadata.
public protocol ConfigSpec: ProtoMessage {
  /// The kind of the objects that say it.
  static var kind: ResourceKind { get }
  /// The member of an object that holds it; nil where it is the object itself.
  static var member: String? { get }
}

/// One object: its metadata and what it says.
///
/// Immutable, and shared rather than copied.
public final class ConfigObject<Spec: ConfigSpec>: Hashable, Sendable {
  /// The metadata.
  public let meta: ObjectMeta
  /// What it says.
  public let spec: Spec
  /// What controllers have written about it.
  public let status: ReportedStatus

  /// An object.
  public init(meta: ObjectMeta, spec: Spec, status: ReportedStatus = .init()) {
    self.meta = meta
    self.spec = spec
    self.status = status
  }

  /// Its kind.
  public var kind: ResourceKind { Spec.kind }

  /// Whether two objects are of one name and say the same.
  public static func == (left: ConfigObject, right: ConfigObject) -> Bool {
    left === right
      || left.meta == right.meta && left.spec == right.spec && left.status == right.status
  }

  /// Adds the object's name: what it says is left to equality.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(meta.name)
    hasher.combine(meta.namespace)
    hasher.combine(meta.resourceVersion)
  }
}

/// The identity of an object among all kinds.
public struct ObjectKey: Hashable, Sendable, CustomStringConvertible {
  /// The kind.
  public var kind: ResourceKind
  /// The namespace; empty for an object of the whole cluster.
  public var namespace: String
  /// The name.
  public var name: String

  /// The key of an object.
  public init(kind: ResourceKind, namespace: String, name: String) {
    self.kind = kind
    self.namespace = namespace
    self.name = name
  }

  /// `kind.group namespace/name`.
  public var description: String {
    namespace.isEmpty ? "\(kind) \(name)" : "\(kind) \(namespace)/\(name)"
  }
}

extension ConfigObject {
  /// The object's identity.
  public var key: ObjectKey {
    ObjectKey(kind: kind, namespace: meta.namespace, name: meta.name)
  }
}
