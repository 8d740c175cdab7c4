// SPDX-License-Identifier: Apache-2.0

import JSON

/// The metadata of an object: its name, where it lives, and how old it is.
public struct ObjectMeta: Hashable, Sendable {
  /// The object that made another one.
  public struct Owner: Hashable, Sendable {
    /// Its group and version, such as `apps/v1`.
    public var apiVersion: String
    /// Its kind.
    public var kind: String
    /// Its name, in the namespace of what it owns.
    public var name: String
    /// Whether it manages what it owns.
    public var isController: Bool

    /// An owner.
    public init(apiVersion: String, kind: String, name: String, isController: Bool) {
      self.apiVersion = apiVersion
      self.kind = kind
      self.name = name
      self.isController = isController
    }
  }

  /// The name.
  public var name: String
  /// The namespace; empty for an object of the whole cluster.
  public var namespace: String
  /// The prefix that the API server made the name from, if it did.
  public var generateName = ""
  /// The labels.
  public var labels: [String: String] = [:]
  /// The annotations.
  public var annotations: [String: String] = [:]
  /// When it was made, in seconds since 1970; nil counts as before all others.
  public var creationTime: Int64?
  /// Whether the API server is about to delete it.
  public var isBeingDeleted = false
  /// The API server's mark of this version of the object.
  public var resourceVersion = ""
  /// The API server's identity of the object.
  public var uid = ""
  /// How often its spec was changed.
  public var generation: Int64 = 0
  /// Who made it.
  public var owners: [Owner] = []

  /// The metadata of an object without labels, annotations and age.
  public init(name: String, namespace: String = "") {
    self.name = name
    self.namespace = namespace
  }

  /// Whether this object comes before `other` where the older one counts.
  ///
  /// istiod's order: time of creation, then name, then namespace.
  public func isOlder(than other: ObjectMeta) -> Bool {
    let mine = creationTime ?? .min
    let theirs = other.creationTime ?? .min
    if mine != theirs { return mine < theirs }
    if name != other.name { return name < other.name }
    return namespace < other.namespace
  }
}

extension ObjectMeta {
  /// Reads the member `metadata` of an object; fields that we do not read are passed over.
  init(_ json: JSONValue, _ decoder: inout ProtoDecoder) throws(ConfigError) {
    let metadata = try Kubernetes.ObjectMeta.decode(json, &decoder)
    self.init(metadata)
    if creationTime == nil, !metadata.creationTimestamp.isEmpty {
      throw decoder.error("creationTimestamp: expected a time such as 2026-01-31T10:00:00Z")
    }
  }

  /// The metadata that Kubernetes' message says.
  public init(_ metadata: Kubernetes.ObjectMeta) {
    self.init(name: metadata.name, namespace: metadata.namespace)
    generateName = metadata.generateName
    labels = metadata.labels
    annotations = metadata.annotations
    isBeingDeleted = !metadata.deletionTimestamp.isEmpty
    resourceVersion = metadata.resourceVersion
    uid = metadata.uid
    generation = metadata.generation
    owners = metadata.ownerReferences.map {
      Owner(apiVersion: $0.apiVersion, kind: $0.kind, name: $0.name, isController: $0.controller)
    }
    creationTime = Timestamp.seconds(metadata.creationTimestamp)
  }
}
