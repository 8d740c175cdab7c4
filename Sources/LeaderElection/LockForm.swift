// SPDX-License-Identifier: Apache-2.0

internal import JSON

/// How a record is written into an object.
///
/// Both forms are those of Istio: the key of a Lease stands in an annotation, and of a ConfigMap
/// the whole record does, as JSON.
struct LockForm {
  private let kind: ObjectLock.Kind

  static let recordAnnotation = "control-plane.alpha.kubernetes.io/leader"
  static let keyAnnotation = "leader.istio.io/holder-key"

  init(_ kind: ObjectLock.Kind) { self.kind = kind }

  /// An object without a record.
  func object(named name: String, in namespace: String) -> JSONValue {
    [
      "apiVersion": kind == .lease ? "coordination.k8s.io/v1" : "v1",
      "kind": kind == .lease ? "Lease" : "ConfigMap",
      "metadata": ["name": .string(name), "namespace": .string(namespace)],
    ]
  }

  /// The record in an object; nil where there is none that makes sense, which anybody may replace.
  func record(in object: JSONValue) -> LockRecord? {
    let annotations = object["metadata"]?["annotations"]
    switch kind {
    case .lease:
      guard let spec = object["spec"] else { return nil }
      return record(
        spec, transitions: "leaseTransitions",
        key: annotations?[LockForm.keyAnnotation]?.string ?? "")
    case .configMap:
      guard let text = annotations?[LockForm.recordAnnotation]?.string,
        let value = try? JSONValue(parsing: Array(text.utf8))
      else { return nil }
      return record(
        value, transitions: "leaderTransitions", key: value["holderKey"]?.string ?? "")
    }
  }

  private func record(_ value: JSONValue, transitions: String, key: String) -> LockRecord {
    LockRecord(
      holder: value["holderIdentity"]?.string ?? "", key: key,
      duration: .seconds(value["leaseDurationSeconds"]?.integer ?? 0),
      acquired: value["acquireTime"]?.string ?? "", renewed: value["renewTime"]?.string ?? "",
      transitions: value[transitions]?.integer ?? 0)
  }

  /// A record that is to be written at a moment: who held the lock before has acquired it then.
  func stamped(_ record: LockRecord, at now: String, over object: JSONValue) -> LockRecord {
    var record = record
    record.renewed = now
    guard record.acquired.isEmpty else { return record }
    let last = self.record(in: object)
    let isRenewal = last?.holder == record.holder && !record.holder.isEmpty
    record.acquired = isRenewal ? last?.acquired ?? now : now
    return record
  }

  /// The object with another record.
  func setting(_ record: LockRecord, in object: JSONValue) -> JSONValue {
    guard case .object(var result) = object else { return object }
    var metadata = result["metadata"]?.object ?? JSONObject()
    var annotations = metadata["annotations"]?.object ?? JSONObject()
    var fields: JSONValue = [
      "holderIdentity": .string(record.holder),
      "leaseDurationSeconds": .integer(record.duration.components.seconds),
      "acquireTime": .string(record.acquired), "renewTime": .string(record.renewed),
    ]
    if case .object(var members) = fields {
      let transitions = JSONValue.integer(record.transitions)
      members[kind == .lease ? "leaseTransitions" : "leaderTransitions"] = transitions
      if kind == .configMap { members["holderKey"] = .string(record.key) }
      fields = .object(members)
    }
    switch kind {
    case .lease:
      result["spec"] = fields
      annotations[LockForm.keyAnnotation] = record.key.isEmpty ? nil : .string(record.key)
    case .configMap: annotations[LockForm.recordAnnotation] = .string(fields.text())
    }
    metadata["annotations"] = annotations.isEmpty ? nil : .object(annotations)
    result["metadata"] = .object(metadata)
    return .object(result)
  }
}
