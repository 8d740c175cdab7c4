// SPDX-License-Identifier: Apache-2.0

public import JSON

/// Where one object is in the API, or where objects of a kind are created.
public struct ObjectPath: Hashable, Sendable {
  /// The group of the API; empty for the core.
  public var group: String
  /// The version of the API, such as `v1`.
  public var version: String
  /// The kind's name in paths, such as `configmaps`.
  public var plural: String
  /// The namespace; empty for kinds that have none.
  public var namespace: String
  /// The object's name; empty where the server, or the object itself, says it.
  public var name: String
  /// A part of the object with rights of its own, such as `status`; empty for the object.
  public var subresource = ""

  /// A place in the API.
  public init(
    group: String = "", version: String = "v1", plural: String, namespace: String = "",
    name: String = "", subresource: String = ""
  ) {
    self.group = group
    self.version = version
    self.plural = plural
    self.namespace = namespace
    self.name = name
    self.subresource = subresource
  }

  /// The path of the URL.
  public var text: String {
    var parts = group.isEmpty ? ["api", version] : ["apis", group, version]
    if !namespace.isEmpty { parts += ["namespaces", namespace] }
    parts += [plural, name, subresource].filter { !$0.isEmpty }
    return "/" + parts.map(KubernetesClient.escaped).joined(separator: "/")
  }
}

/// How a patch changes an object.
public enum ObjectPatch: Hashable, Sendable {
  /// Members replace those that are there, null removes one (RFC 7396). With a
  /// `metadata.resourceVersion` it applies to that version alone.
  case merge(JSONValue)
  /// Members belong to `manager` from now on, and those that it no longer names go (server-side
  /// apply); with `isForced` also those of others.
  case apply(JSONValue, manager: String, isForced: Bool = false)
}

/// Reads and writes of one object. Each gives the object as it is then, and throws without a change
/// where the server refuses; after ``KubernetesRequestError/unanswered(_:)`` nothing is known.
extension KubernetesClient {
  /// How long a request may take where its caller does not say.
  public static let patience = Duration.seconds(10)

  /// The object at `path`.
  public func object(
    at path: ObjectPath, by deadline: ContinuousClock.Instant = .now + patience
  ) async throws(KubernetesRequestError) -> JSONValue {
    try await send("GET", path.text, by: deadline)
  }

  /// Creates an object, or asks a review of the API (`tokenreviews`, `subjectaccessreviews`).
  ///
  /// - Parameter path: Where such objects are, without a name; with one for a subresource that is
  ///   created, such as `serviceaccounts/NAME/token`.
  public func create(
    _ object: JSONValue, in path: ObjectPath, by deadline: ContinuousClock.Instant = .now + patience
  ) async throws(KubernetesRequestError) -> JSONValue {
    try await send("POST", path.text, body: object, by: deadline)
  }

  /// Replaces the object at `path` whole: a conflict where its `metadata.resourceVersion` is not the
  /// one that is there.
  public func replace(
    _ object: JSONValue, at path: ObjectPath, by deadline: ContinuousClock.Instant = .now + patience
  ) async throws(KubernetesRequestError) -> JSONValue {
    try await send("PUT", path.text, body: object, by: deadline)
  }

  /// Changes the object at `path`.
  public func patch(
    _ patch: ObjectPatch, at path: ObjectPath,
    by deadline: ContinuousClock.Instant = .now + patience
  ) async throws(KubernetesRequestError) -> JSONValue {
    switch patch {
    case .merge(let value):
      return try await send(
        "PATCH", path.text, body: value, contentType: "application/merge-patch+json", by: deadline)
    case .apply(let value, let manager, let isForced):
      var query = [(name: "fieldManager", value: manager)]
      if isForced { query.append((name: "force", value: "true")) }
      // JSON is YAML, the only form that servers before 1.32 take here.
      return try await send(
        "PATCH", path.text, query: query, body: value, contentType: "application/apply-patch+yaml",
        by: deadline)
    }
  }

  /// Deletes the object at `path`: a conflict where it is another object or version than is said.
  public func delete(
    at path: ObjectPath, uid: String = "", resourceVersion: String = "",
    by deadline: ContinuousClock.Instant = .now + patience
  ) async throws(KubernetesRequestError) {
    var conditions = JSONObject()
    if !uid.isEmpty { conditions["uid"] = .string(uid) }
    if !resourceVersion.isEmpty { conditions["resourceVersion"] = .string(resourceVersion) }
    let options: JSONValue = [
      "kind": "DeleteOptions", "apiVersion": "v1", "preconditions": .object(conditions),
    ]
    _ = try await send("DELETE", path.text, body: options, by: deadline)
  }
}
