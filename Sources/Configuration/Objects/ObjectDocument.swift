// SPDX-License-Identifier: Apache-2.0

public import JSON

extension ConfigObject {
  var members: [JSONObject.Member] {
    if let secret = spec as? Kubernetes.Secret { return secret.members }
    let value = spec.json
    if let member = Spec.member { return [.init(member, value)] }
    return value.object?.members ?? []
  }
}

extension Kubernetes.Secret {
  fileprivate var members: [JSONObject.Member] {
    let values = data.sorted { $0.key < $1.key }.map {
      JSONObject.Member($0.key, .string(Base64.encode($0.value.bytes)))
    }
    return [
      .init("type", .string(type)), .init("data", .object(JSONObject(distinct: values))),
    ]
  }
}

extension ConfigurationObject {
  /// The object as one writes it, to be read again as an equal one: **with the bytes of Secrets**.
  public var document: JSONValue {
    let object = object
    let version = object.kind.versions[0]
    let apiVersion = object.kind.group.isEmpty ? version : "\(object.kind.group)/\(version)"
    let head: [JSONObject.Member] = [
      .init("apiVersion", .string(apiVersion)), .init("kind", .string(object.kind.kind)),
      .init("metadata", object.meta.document),
    ]
    let status = object.status.document.map { [JSONObject.Member("status", $0)] } ?? []
    return .object(JSONObject(distinct: head + object.members + status))
  }
}

extension ReportedStatus {
  /// The status as an object has it; nil where it says nothing.
  fileprivate var document: JSONValue? {
    var members: [JSONObject.Member] = []
    if !addresses.isEmpty {
      let entries = addresses.sorted { $0.key < $1.key }.flatMap { host, values in
        values.map { ["host": .string(host), "value": .string($0)] as JSONValue }
      }
      members.append(.init("addresses", .array(entries)))
    }
    if let isHealthy {
      let condition: JSONValue = ["type": "Healthy", "status": isHealthy ? "True" : "False"]
      members.append(.init("conditions", [condition]))
    }
    return members.isEmpty ? nil : .object(JSONObject(distinct: members))
  }
}

extension ObjectMeta {
  fileprivate var document: JSONValue {
    var members: [JSONObject.Member] = [.init("name", .string(name))]
    for (key, text) in [
      ("namespace", namespace), ("generateName", generateName), ("uid", uid),
      ("resourceVersion", resourceVersion),
    ] where !text.isEmpty {
      members.append(.init(key, .string(text)))
    }
    for (key, map) in [("labels", labels), ("annotations", annotations)] where !map.isEmpty {
      let sorted = map.sorted { $0.key < $1.key }
      members.append(
        .init(
          key, .object(JSONObject(distinct: sorted.map { .init($0.key, .string($0.value)) }))))
    }
    if let creationTime {
      members.append(.init("creationTimestamp", .string(Timestamp.text(creationTime))))
    }
    if isBeingDeleted { members.append(.init("deletionTimestamp", .string(Timestamp.text(0)))) }
    if generation != 0 { members.append(.init("generation", .integer(generation))) }
    if !owners.isEmpty { members.append(.init("ownerReferences", .array(owners.map(\.document)))) }
    return .object(JSONObject(distinct: members))
  }
}

extension ObjectMeta.Owner {
  fileprivate var document: JSONValue {
    [
      "apiVersion": .string(apiVersion), "kind": .string(kind), "name": .string(name),
      "controller": .bool(isController),
    ]
  }
}
