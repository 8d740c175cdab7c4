// SPDX-License-Identifier: Apache-2.0

public import KubernetesClient
internal import JSON
internal import Synchronization

/// Where the record of a lock is kept.
public protocol Lock: Sendable {
  /// Which lock it is, for operators.
  var description: String { get }
  /// The record and the version of its object; an empty version where there is none.
  func read(
    by deadline: ContinuousClock.Instant
  ) async throws(KubernetesRequestError) -> (record: LockRecord?, version: String)
  /// Writes the record over a version, or makes the object where that is empty; the version then.
  func write(
    _ record: LockRecord, over version: String, by deadline: ContinuousClock.Instant
  ) async throws(KubernetesRequestError) -> String
}

/// A lock that is one object of an API server.
public final class ObjectLock: Lock {
  /// The kinds of objects that hold locks.
  public enum Kind: Hashable, Sendable {
    /// A Lease (`coordination.k8s.io/v1`).
    case lease
    /// An annotation of a ConfigMap, as Istio holds most of its locks.
    case configMap
  }

  private let client: KubernetesClient
  private let kind: Kind
  private let path: ObjectPath
  private let now: @Sendable () -> String
  /// The object as it was read or written last: what is not of the lock stays in it.
  private let held = Mutex<JSONValue>(.null)

  /// The lock `name` of a namespace.
  ///
  /// - Parameter now: The time of day, as RFC 3339 writes it with microseconds, in UTC.
  public init(
    _ kind: Kind, named name: String, in namespace: String, client: KubernetesClient,
    now: @escaping @Sendable () -> String
  ) {
    self.client = client
    self.kind = kind
    self.now = now
    path = ObjectPath(
      group: kind == .lease ? "coordination.k8s.io" : "",
      plural: kind == .lease ? "leases" : "configmaps", namespace: namespace, name: name)
  }

  /// The kind, the namespace and the name.
  public var description: String {
    "\(kind == .lease ? "Lease" : "ConfigMap") \(path.namespace)/\(path.name)"
  }

  /// Gets the object.
  public func read(
    by deadline: ContinuousClock.Instant
  ) async throws(KubernetesRequestError) -> (record: LockRecord?, version: String) {
    do throws(KubernetesRequestError) {
      let object = try await client.object(at: path, by: deadline)
      held.withLock { $0 = object }
      return (LockForm(kind).record(in: object), ObjectLock.version(of: object))
    } catch {
      guard error.isNotFound else { throw error }
      held.withLock { $0 = .null }
      return (nil, "")
    }
  }

  /// Creates the object, or replaces it where it has the version still.
  public func write(
    _ record: LockRecord, over version: String, by deadline: ContinuousClock.Instant
  ) async throws(KubernetesRequestError) -> String {
    let known = held.withLock { $0 }
    let form = LockForm(kind)
    let record = form.stamped(record, at: now(), over: known)
    let answer: JSONValue
    if version.isEmpty {
      let object = form.object(named: path.name, in: path.namespace).with(record, form)
      var collection = path
      collection.name = ""
      answer = try await client.create(object, in: collection, by: deadline)
    } else {
      guard ObjectLock.version(of: known) == version else {
        throw .refused(APIRefusal(code: 409, reason: "Conflict"))
      }
      answer = try await client.replace(known.with(record, form), at: path, by: deadline)
    }
    held.withLock { $0 = answer }
    return ObjectLock.version(of: answer)
  }

  private static func version(of object: JSONValue) -> String {
    object["metadata"]?["resourceVersion"]?.string ?? ""
  }
}

extension JSONValue {
  fileprivate func with(_ record: LockRecord, _ form: LockForm) -> JSONValue {
    form.setting(record, in: self)
  }
}
